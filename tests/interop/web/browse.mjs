// A person in front of the pages: signs in, reads, searches, downloads, changes language, gives and withdraws a consent, and once uses the keyboard
// alone. On each page axe-core finds nothing, nothing scrolls sideways at 320 pixels, and nothing is fetched from elsewhere.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { chromium } from 'playwright-core';

const origin = `http://${process.env.WEB_ADDRESS}`;
const issuer = process.env.WEB_ISSUER;
const shots = process.env.SHOTS;
const axe = readFileSync(new URL('./node_modules/axe-core/axe.min.js', import.meta.url), 'utf8');
const browser = await chromium.launch({ executablePath: process.env.CHROMIUM, args: ['--no-sandbox'] });
let looked = 0;

async function open(options = {}) {
  const context = await browser.newContext({ locale: 'en-GB', viewport: { width: 1200, height: 900 }, ...options });
  await context.route((url) => ![origin, issuer].includes(url.origin) && /^http/.test(url.protocol), (route) => route.abort());
  const page = await context.newPage();
  page.setDefaultTimeout(20_000);
  page.on('request', (request) => {
    const to = request.url();
    // The provider's own page may want a font from elsewhere; it does not get it.
    const isOurs = request.frame().url().startsWith(origin);
    assert(!isOurs || to.startsWith(origin) || to.startsWith(issuer) || /^(chrome-extension|data|blob):/.test(to), `fetched from elsewhere: ${to}`);
  });
  page.on('console', (message) => assert(message.type() !== 'error' || page.url().startsWith(issuer) || /status of (4|5)/.test(message.text()), message.text()));
  return page;
}

// axe-core on what is shown, and the reflow at the narrowest width.
async function look(page, name) {
  // A click goes on as soon as the next page begins; its style may still be on its way.
  await page.waitForLoadState('load');
  await page.evaluate(axe);
  const options = { runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'] };
  const found = await page.evaluate((options) => window.axe.run(document, options), options);
  const told = found.violations.map((one) => `${one.id}: ${one.nodes.map((node) => `${node.html} ${node.failureSummary}`).join('\n  ')}`);
  assert.deepEqual(told, [], `${name}: axe-core found something`);
  const size = page.viewportSize();
  await page.setViewportSize({ width: 320, height: 800 });
  const width = await page.evaluate(() => document.documentElement.scrollWidth);
  assert(width <= 320, `${name}: ${width} pixels wide at 320`);
  await page.setViewportSize(size);
  looked += 1;
  if (shots) await page.screenshot({ path: `${shots}/${name}.png`, fullPage: !name.includes('docs') });
}

async function signIn(page, isFirst = false) {
  await page.goto(`${origin}/mailbox/messages`);
  await page.getByRole('link', { name: 'Sign in' }).click();
  await page.locator('input[name=login]').fill('marie');
  await page.locator('input[name=password]').fill('any');
  await page.locator('button[type=submit]').click();
  await page.locator('button[type=submit]').click();
  if (isFirst) await activate(page);
  else await page.waitForURL(`${origin}/mailbox/messages`);
}

// The first time there is a mailbox to activate: not without having agreed.
async function activate(page) {
  await page.waitForURL(`${origin}/mailbox/activate`);
  await look(page, 'activate');
  await page.getByRole('button', { name: 'Activate' }).click();
  await page.getByRole('alert').waitFor();
  await look(page, 'activate-mistake');
  await page.getByRole('checkbox').check();
  await page.getByRole('button', { name: 'Activate' }).click();
  await page.waitForURL(`${origin}/mailbox/messages**`);
}

async function everything(page, suffix, isFirst = false) {
  await page.goto(`${origin}/mailbox/sign-in`);
  await look(page, `sign-in${suffix}`);
  await signIn(page, isFirst);
  await look(page, `list${suffix}`);
  await page.getByText('Filter').click();
  await look(page, `list-filter${suffix}`);
  await page.getByLabel('Search in your messages').fill('permit');
  await page.getByRole('button', { name: 'Search' }).click();
  assert(!page.url().includes('permit'), 'what is searched for is not in the address');
  await page.getByText(/^1 message/).waitFor();
  await look(page, `search${suffix}`);
  await page.getByRole('link', { name: 'Your application for a permit' }).click();
  await look(page, `message${suffix}`);
  const [download] = await Promise.all([page.waitForEvent('download'), page.getByRole('link', { name: /^Download conditions/ }).click()]);
  assert.equal(download.suggestedFilename(), 'conditions.txt');
  await page.getByRole('link', { name: /^View conditions/ }).click();
  await look(page, `text${suffix}`);
  await page.getByRole('link', { name: 'Back to the message' }).click();
  await page.getByRole('link', { name: 'Reply' }).click();
  await page.getByRole('button', { name: 'Send reply' }).click();
  await page.getByRole('alert').waitFor();
  await look(page, `reply-mistake${suffix}`);
  await page.getByRole('textbox', { name: 'Your message' }).fill('Thank you.');
  await page.getByLabel('Add files').setInputFiles({ name: 'plan.txt', mimeType: 'text/plain', buffer: Buffer.from('Plan') });
  await page.getByRole('button', { name: 'Send reply' }).click();
  await page.getByText('Your reply has been sent.').waitFor();

  await page.goto(`${origin}/mailbox/messages`);
  await page.getByRole('link', { name: 'Tax assessment 2026' }).click();
  await look(page, `bill${suffix}`);
  await page.getByRole('link', { name: /^View avis/ }).click();
  await page.locator('iframe').waitFor();
  await page.waitForTimeout(1_500);
  if (shots) await page.screenshot({ path: `${shots}/pdf${suffix}.png` });
  await page.goto(`${origin}/mailbox/messages`);
  await page.getByRole('link', { name: /child benefit/ }).click();
  await look(page, `registered${suffix}`);
  if (await page.getByRole('button', { name: 'Open the message' }).count()) {
    await page.getByRole('button', { name: 'Open the message' }).click();
    await page.getByText('Lorem ipsum').waitFor();
  }
  await page.getByRole('link', { name: 'Proof of registered mail' }).click();
  await look(page, `evidence${suffix}`);

  await page.getByRole('link', { name: /^NL/i }).click();
  await page.getByRole('heading', { name: 'Bewijs van aangetekende zending' }).waitFor();
  assert.equal(await page.locator('html').getAttribute('lang'), 'nl');
  await page.goto(`${origin}/mailbox/messages`);
  await look(page, `list-nl${suffix}`);
  await page.getByRole('link', { name: /^EN/i }).click();

  await page.getByRole('link', { name: 'Consents' }).click();
  await look(page, `consents${suffix}`);
  await page.getByRole('button', { name: 'Give consent' }).first().click();
  await page.getByText('You have given your consent.').waitFor();
  await look(page, `consents-given${suffix}`);
  await page.getByRole('button', { name: 'Withdraw consent' }).click();
  await page.getByText('You have withdrawn your consent.').waitFor();

  await page.getByRole('link', { name: 'Preferences' }).click();
  await page.getByLabel('E-mail address').fill('nobody');
  await page.getByRole('button', { name: 'Save preferences' }).click();
  await page.getByRole('alert').waitFor();
  await look(page, `preferences-mistake${suffix}`);
  await page.getByLabel('E-mail address').fill('marie@example.be');
  await page.getByLabel('By e-mail').check();
  await page.getByRole('button', { name: 'Save preferences' }).click();
  await page.getByText('Your preferences have been saved.').waitFor();
  await look(page, `preferences${suffix}`);
  await page.getByRole('link', { name: 'Deactivate this mailbox' }).click();
  await look(page, `deactivate${suffix}`);
  for (const path of ['help', 'accessibility', 'no-such-page', 'messages/0193b1c2-5b1e-7c3a-8f00-000000000001', 'choose']) {
    await page.goto(`${origin}/mailbox/${path}`);
    await look(page, `${path.split('/')[0]}-page${suffix}`);
  }
  await page.getByRole('button', { name: 'Sign out' }).click();
  // oidc-provider asks before it ends its own session.
  await page.locator('button[name=logout], button[value=yes], form button').first().click();
  await page.getByRole('heading', { name: 'You are signed out' }).waitFor();
  await look(page, `signed-out${suffix}`);
}

// Moves with the Tab key until what has the focus is called so, and sees that the focus is seen.
async function tabTo(page, name) {
  await page.waitForLoadState('load');
  for (let step = 0; step < 250; step += 1) {
    await page.keyboard.press('Tab');
    await page.waitForLoadState('load');
    const focused = await page.evaluate(() => {
      const one = document.activeElement;
      const style = getComputedStyle(one);
      const label = one.labels?.[0]?.textContent ?? one.textContent ?? '';
      return { text: label.trim(), outline: style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) >= 2, tag: one.tagName };
    });
    if (focused.tag === 'BODY') continue;
    assert(focused.outline, `the focus is not seen on ${focused.tag} ${focused.text}`);
    if (focused.text.startsWith(name)) return;
  }
  assert.fail(`the keyboard does not reach ${name}`);
}

async function keyboard(page) {
  await signIn(page);
  await page.goto(`${origin}/mailbox/messages`);
  await page.keyboard.press('Tab');
  assert.equal(await page.evaluate(() => document.activeElement.textContent), 'Skip to the content');
  await page.keyboard.press('Enter');
  await tabTo(page, 'Search in your messages');
  await page.keyboard.type('pension');
  await page.keyboard.press('Enter');
  await page.getByText(/^1 message/).waitFor();
  await tabTo(page, 'Your pension in 2027');
  await page.keyboard.press('Enter');
  await page.getByRole('heading', { level: 1, name: 'Your pension in 2027' }).waitFor();
  await tabTo(page, 'Put this message away');
  await page.keyboard.press('Enter');
  await page.getByText('have been put away').waitFor();
  await tabTo(page, 'Put away');
  await page.keyboard.press('Enter');
  await page.getByRole('heading', { level: 1, name: 'Put away' }).waitFor();
  await tabTo(page, 'Select');
  await page.keyboard.press('Space');
  await tabTo(page, 'Bring selected messages back');
  await page.keyboard.press('Enter');
  await page.getByText('are back in your list').waitFor();
  await tabTo(page, 'Consents');
  await page.keyboard.press('Enter');
  await page.waitForURL('**/consents');
  await tabTo(page, 'Give consent');
  await page.keyboard.press('Enter');
  await page.getByText('You have given your consent.').waitFor();
  await tabTo(page, 'Withdraw consent');
  await page.keyboard.press('Enter');
  await page.getByText('You have withdrawn your consent.').waitFor();
  await tabTo(page, 'Sign out');
}

try {
  await everything(await open(), '', true);
  await everything(await open({ viewport: { width: 390, height: 844 }, isMobile: true, hasTouch: true }), '-phone');
  await everything(await open({ colorScheme: 'dark', javaScriptEnabled: true }), '-dark');
  await keyboard(await open());
  console.log(`web: ${looked} pages looked at, axe-core found nothing`);
} finally {
  await browser.close();
}
