// Letters for the person who signs in, published over HTTP as institutions do it: WEB_KEYS has pairs of a CBE number and a bearer key.
import assert from 'node:assert/strict';

const origin = `http://${process.env.WEB_ADDRESS}`;
// In pairs, in their order: an object would sort the numbers.
const pairs = JSON.parse(process.env.WEB_KEYS);
const keys = Object.fromEntries(pairs);
const [city, pensions, benefits, taxes] = pairs.map(([cbe]) => cbe);
const all = (fr, nl, de, en) => ({ fr, nl, de, en });

async function ask(method, path, institution, body) {
  const headers = { authorization: `Bearer ${keys[institution]}` };
  if (!(body instanceof FormData)) {
    headers['content-type'] = 'application/json';
    body = JSON.stringify(body);
  }
  const answer = await fetch(origin + path, { method, headers, body });
  assert(answer.ok, `${method} ${path}: ${answer.status} ${await answer.text()}`);
}

async function publish(institution, description, files = []) {
  const form = new FormData();
  const attachments = files.map(({ name, main }, n) => ({ httpPartName: `file${n}`, mainContent: main ?? false, attachmentTitle: all(name, name, name, name) }));
  const whole = {
    recipient: { eboxType: 'citizen', eboxIdValue: process.env.WEB_PERSON },
    registeredMail: false, replyAuthorized: false, bodyMainContent: files.every(({ main }) => !main), attachments, ...description,
  };
  form.set('messageToPublish', new Blob([JSON.stringify(whole)], { type: 'application/json' }));
  files.forEach(({ name, type, bytes }, n) => form.set(`file${n}`, new Blob([bytes], { type }), name));
  await ask('POST', '/messageRegistry/v2/publishMessage', institution, form);
}

function pdf(line) {
  const content = `BT /F1 22 Tf 60 760 Td (${line}) Tj ET`;
  const objects = [
    '<< /Type /Catalog /Pages 2 0 R /Lang (en) >>',
    '<< /Type /Pages /Kids [3 0 R] /Count 1 >>',
    '<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 4 0 R /Resources << /Font << /F1 5 0 R >> >> >>',
    `<< /Length ${content.length} >>\nstream\n${content}\nendstream`,
    '<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>',
  ];
  let file = '%PDF-1.4\n';
  const places = objects.map((object, n) => {
    const place = file.length;
    file += `${n + 1} 0 obj\n${object}\nendobj\n`;
    return place;
  });
  const table = file.length;
  file += `xref\n0 ${objects.length + 1}\n0000000000 65535 f \n${places.map((place) => `${String(place).padStart(10, '0')} 00000 n \n`).join('')}`;
  return `${file}trailer << /Size ${objects.length + 1} /Root 1 0 R >>\nstartxref\n${table}\n%%EOF\n`;
}

// With what a page must not show: scripts are taken out when it is published.
const text = (subject) => Object.fromEntries(Object.entries(subject).map(([language, title]) => [language,
  `<h1>${title}</h1><p>Lorem ipsum dolor sit amet, <b>consectetur</b> adipiscing elit. <a href="https://example.be">example.be</a></p><ul><li>A</li><li>B</li></ul><script>alert(1)</script>`]));

const types = { city: all('Commune', 'Gemeente', 'Gemeinde', 'Municipality'), pension: all('Pension', 'Pensioen', 'Pension', 'Pension'), benefit: all('Allocations familiales', 'Kinderbijslag', 'Kindergeld', 'Child benefit'), tax: all('Impôts', 'Belastingen', 'Steuern', 'Taxes'), permit: all('Permis', 'Vergunning', 'Genehmigung', 'Permit') };
for (const [id, names] of Object.entries(types)) {
  await ask('PUT', `/v1/mailbox/types/${id}`, city, { names, validity: { number: 2, unit: 'year' }, may_be_registered: true });
}
const organizations = { [city]: all('Ville de Val-Dieu', 'Stad Godsdal', 'Stadt Gottestal', 'City of Val-Dieu'), [pensions]: all('Service des pensions', 'Pensioendienst', 'Pensionsdienst', 'Pensions Service'), [benefits]: all('Caisse d’allocations', 'Kinderbijslagfonds', 'Kindergeldkasse', 'Child Benefit Fund'), [taxes]: all('Administration des impôts', 'Belastingdienst', 'Steuerverwaltung', 'Tax Administration') };
for (const [cbe, names] of Object.entries(organizations)) {
  await ask('PUT', `/v1/mailbox/organizations/${cbe}`, city, { names });
}

for (let n = 24; n > 0; n -= 1) {
  const subject = all(`Info travaux n° ${n}`, `Info werken nr. ${n}`, `Bauarbeiten Nr. ${n}`, `Road works no. ${n}`);
  await publish(city, { messageTypeId: 'city', subject, bodyContent: all('<p>A</p>', '<p>A</p>', '<p>A</p>', '<p>A</p>') });
}
let subject = all('Votre demande de permis', 'Uw aanvraag van een vergunning', 'Ihr Genehmigungsantrag', 'Your application for a permit');
await publish(city, { messageTypeId: 'permit', subject, bodyContent: text(subject), replyAuthorized: true }, [
  { name: 'conditions.txt', type: 'text/plain', bytes: 'Conditions générales\n\n1. Bonjour.\n' },
  { name: 'plan.html', type: 'text/html', bytes: '<!DOCTYPE html><html><body><h1>Plan</h1><script>alert(1)</script><p>Etage 2</p></body></html>' },
]);
subject = all('Avis d’imposition 2026', 'Aanslagbiljet 2026', 'Steuerbescheid 2026', 'Tax assessment 2026');
const paymentData = { paymentDataId: 'p1', amount: 125, vatAmount: 0, currency: 'EUR', dueDate: new Date(Date.now() + 20 * 86_400_000).toISOString(), iban: 'BE68539007547034', bic: 'BBRUBEBB' };
await publish(taxes, { messageTypeId: 'tax', subject, bodyContent: text(subject), paymentData }, [
  { name: 'avis-2026.pdf', type: 'application/pdf', bytes: pdf('Tax assessment 2026') },
]);
subject = all('Décision sur votre allocation', 'Beslissing over uw kinderbijslag', 'Entscheidung über Ihr Kindergeld', 'Decision on your child benefit');
await publish(benefits, { messageTypeId: 'benefit', subject, bodyContent: text(subject), registeredMail: true });
subject = all('Votre pension en 2027', 'Uw pensioen in 2027', 'Ihre Pension 2027', 'Your pension in 2027');
await publish(pensions, { messageTypeId: 'pension', subject }, [
  { name: 'pension-2027.pdf', type: 'application/pdf', bytes: pdf('Your pension in 2027'), main: true },
  { name: 'calcul.csv', type: 'text/csv', bytes: 'annee,montant\n2027,1250\n' },
]);
