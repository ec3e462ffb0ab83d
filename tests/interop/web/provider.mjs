// npm `oidc-provider` with one client, the pages, and one person. Its own login page takes any name and password.
import { Provider } from 'oidc-provider';

const issuer = process.env.WEB_ISSUER;
const origin = `http://${process.env.WEB_ADDRESS}`;
const provider = new Provider(issuer, {
  clients: [{
    client_id: 'estafette',
    client_secret: 'a secret of the test only',
    redirect_uris: [`${origin}/mailbox/sign-in/callback`],
    post_logout_redirect_uris: [`${origin}/mailbox/signed-out`],
    response_types: ['code'],
    grant_types: ['authorization_code'],
  }],
  pkce: { required: () => true },
  claims: { openid: ['sub'], profile: ['name'], mailbox: ['niss', 'enterprises'] },
  scopes: ['openid', 'profile', 'mailbox'],
  cookies: { keys: ['of the test only'] },
  features: { devInteractions: { enabled: true }, rpInitiatedLogout: { enabled: true } },
  findAccount: (_, id) => ({ accountId: id, claims: () => ({ sub: id, name: 'Marie Lambert', niss: process.env.WEB_PERSON, enterprises: [] }) }),
});
provider.listen(Number(new URL(issuer).port), '127.0.0.1');
