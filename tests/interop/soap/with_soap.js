// Each operation and a fault of each party by npm soap, from the live WSDL. Of a program in trouble, EXPECTS is the one fault.
'use strict';
const assert = require('node:assert');
const soap = require('soap');

const {API: api, KEY, EXPECTS} = process.env;
const CBE = '0403019261';
const [KNOWN, REPLACED, BCSS] = ['85073003328', '85073006197', '85473003317'];
const head = {
  informationCustomer: {ticket: 'npm-1', customerIdentification: {cbeNumber: CBE}},
  legalContext: 'LAW:1990',
};
const list = (value) => [].concat(value ?? []);

async function main() {
  const client = await soap.createClientAsync(`${api}/soap/register?wsdl`);
  client.setSecurity(new soap.BasicAuthSecurity(CBE, KEY));
  const operations = Object.keys(client.describe().RegisterService.RegisterPort);
  const asked = new Set();
  const ask = async (operation, value, code, given = {}, anomalies = []) => {
    asked.add(operation);
    const [reply] = await client[`${operation}Async`]({...head, ...given});
    assert.deepStrictEqual([reply.status.value, reply.status.code], [value, code], operation);
    assert.strictEqual(reply.informationCustomer.ticket, 'npm-1');
    assert.ok(reply.informationCBSS.timestampReply instanceof Date || reply.informationCBSS.timestampReply);
    assert.deepStrictEqual(list(reply.businessAnomalies?.businessAnomaly).map((one) => one.code), anomalies);
    return reply;
  };
  const row = {ssin: KNOWN, dossierType: 'PENSION', period: {beginDate: '2026-01-01', endDate: '2026-12-31'}};

  const refused = async (code, reason, status, call) => {
    const error = await call().then(() => assert.fail(`no fault ${reason}`), (error) => error);
    const fault = error.root?.Envelope?.Body?.Fault;
    assert.ok(fault, error.stack);
    assert.strictEqual(fault.faultcode, `soap:${code}`);
    assert.strictEqual(fault.detail.fault.detail.reasonCode, reason);
    assert.strictEqual(error.response.status, status);
  };
  if (EXPECTS) {
    await refused('Server', EXPECTS, 500, () => client.InscribeAsync({...head, ...row}));
    console.log(`npm soap: ${EXPECTS}`);
    return;
  }
  let reply = await ask('Inscribe', 'OK', 'MSG00000', row);
  assert.strictEqual(reply.inscription.outcome, 'ADDED');
  reply = await ask('Inscribe', 'OK', 'MSG00000', {...row, ssin: REPLACED}, ['MSG00006', 'REG00007']);
  assert.strictEqual(reply.inscription.ssin, KNOWN);
  await ask('Inscribe', 'NOK', 'MSG00008', {...row, ssin: '85073003329'}, ['MSG00008']);
  await ask('Inscribe', 'NOK', 'REG00002', {...row, person: {lastName: 'É & <Zoon>'}}, ['REG00002']);
  reply = await ask('Consult', 'DATA_FOUND', 'MSG00000', {ssin: KNOWN});
  assert.strictEqual(list(reply.row)[0].dossierType, 'PENSION');
  reply = await ask('Remove', 'OK', 'MSG00000', {...row, period: {beginDate: '2026-03-01', endDate: '2026-03-31'}});
  assert.strictEqual(list(reply.removal.left).length, 2);
  reply = await ask('SearchPerson', 'DATA_FOUND', 'MSG00000', {person: {lastName: 'peeters'}, limit: 5});
  assert.strictEqual(list(reply.hit).length, 1);
  const person = {lastName: 'Vande Velde', birthDate: '1985-07-00', gender: 'FEMALE'};
  reply = await ask('CreatePerson', 'OK', 'MSG00000', {person});
  assert.match(reply.ssin, /^[0-9]{11}$/);
  reply = await ask('UpdatePerson', 'OK', 'MSG00000', {ssin: BCSS, person: {firstName: 'É & <Zoon>'}});
  assert.strictEqual(reply.person.firstName, 'É & <Zoon>');
  reply = await ask('FetchMutations', 'DATA_FOUND', 'MSG00000');
  assert.deepStrictEqual(list(reply.voucher).map((one) => Number(one.sequence)), [1, 2]);
  const file = await ask('FetchMutations', 'DATA_FOUND', 'MSG00000', {sequence: 1});
  const bytes = Buffer.from(file.content, 'base64');
  const digest = require('node:crypto').createHash('sha256').update(bytes).digest('hex');
  assert.strictEqual(digest, list(file.voucher)[0].sha256);
  reply = await ask('ConfirmMutations', 'OK', 'MSG00000', {sequence: 1});
  assert.ok(list(reply.voucher)[0].confirmedAt);
  assert.deepStrictEqual([...asked].sort(), operations.sort());

  await refused('Client', 'INVALID_CONTENT', 500, () => client.InscribeAsync({...head, ...row, ssin: 'x'}));
  await refused('Client', 'INVALID_CONTENT', 500, () => client.ConsultAsync({legalContext: 'L'}));
  client.addSoapHeader('<h:a xmlns:h="urn:h" soap:mustUnderstand="1"/>');
  await refused('MustUnderstand', 'MUST_UNDERSTAND', 500, () => client.ConsultAsync(head));
  client.clearSoapHeaders();
  client.setSecurity(new soap.BearerSecurity('nonsense'));
  await refused('Client', 'UNAUTHORIZED', 401, () => client.ConsultAsync(head));
  client.setSecurity(new soap.BearerSecurity(KEY));
  await ask('Consult', 'DATA_FOUND', 'MSG00000');
  console.log(`npm soap: ${asked.size} operations, faults of client, server and header`);
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
