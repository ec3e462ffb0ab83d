//! The provider of OpenID Connect that signs people in: authorization code with PKCE, state and nonce.
//!
//! Invariant: nobody is signed in of whom the provider did not say a valid NISS in a token, or an answer of its userinfo endpoint, that was
//! checked. What it says wrongly is an error and never a guess. It must not know pages, cookies or mailboxes.
use std::sync::Arc;
use std::time::{Duration, Instant};

use arc_swap::ArcSwapOption;
use estafette_actors::domain::language::Language;
use openidconnect::core::{
    CoreAuthDisplay, CoreAuthPrompt, CoreErrorResponseType, CoreGenderClaim, CoreJsonWebKey,
    CoreJweContentEncryptionAlgorithm, CoreJwsSigningAlgorithm, CoreResponseType, CoreRevocableToken,
    CoreRevocationErrorResponse, CoreTokenIntrospectionResponse, CoreTokenType,
};
use openidconnect::{
    AuthenticationContextClass, AuthenticationFlow, AuthorizationCode, ClaimsVerificationError, Client, ClientId,
    ClientSecret, CsrfToken, EmptyExtraTokenFields, EndpointMaybeSet, EndpointNotSet, EndpointSet, IdTokenFields,
    IssuerUrl, LanguageTag, LogoutRequest, Nonce, OAuth2TokenResponse as _, PkceCodeChallenge, PkceCodeVerifier,
    PostLogoutRedirectUrl, ProviderMetadataWithLogout, RedirectUrl, RequestTokenError, Scope,
    SignatureVerificationError, StandardErrorResponse, StandardTokenResponse, TokenResponse as _, UserInfoClaims,
    UserInfoError,
};
use reqwest::Url;
use serde::{Deserialize, Serialize};
use tokio::sync::Mutex;

use super::session::Identity;
use super::settings::{Error, SignIn};

mod claims;
mod http;

use claims::Claims;
use http::Http;

type Tokens = StandardTokenResponse<
    IdTokenFields<
        Claims,
        EmptyExtraTokenFields,
        CoreGenderClaim,
        CoreJweContentEncryptionAlgorithm,
        CoreJwsSigningAlgorithm,
    >,
    CoreTokenType,
>;

type Known = Client<
    Claims,
    CoreAuthDisplay,
    CoreGenderClaim,
    CoreJweContentEncryptionAlgorithm,
    CoreJsonWebKey,
    CoreAuthPrompt,
    StandardErrorResponse<CoreErrorResponseType>,
    Tokens,
    CoreTokenIntrospectionResponse,
    CoreRevocableToken,
    CoreRevocationErrorResponse,
    EndpointSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointMaybeSet,
    EndpointMaybeSet,
>;

/// Signatures that are taken: asymmetric ones only, so that no secret of ours makes a token.
const SIGNATURES: [CoreJwsSigningAlgorithm; 6] = [
    CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha256,
    CoreJwsSigningAlgorithm::RsaSsaPssSha256,
    CoreJwsSigningAlgorithm::RsaSsaPssSha384,
    CoreJwsSigningAlgorithm::RsaSsaPssSha512,
    CoreJwsSigningAlgorithm::EcdsaP256Sha256,
    CoreJwsSigningAlgorithm::EdDsa,
];
/// A provider that did not answer is not asked again sooner than this: those who wait don't wait one after the other.
const FAILED_FOR: Duration = Duration::from_secs(2);
/// Keys are not asked for again sooner than this.
const KEYS_EVERY: Duration = Duration::from_secs(10);

/// Why nobody is signed in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Trouble {
    /// It does not answer, or not in time.
    #[error("the provider of the sign-in does not answer")]
    Away,
    /// It answers with something that is no answer, or that does not check out.
    #[error("the provider of the sign-in answered with something that can't be believed: {0}")]
    Wrong(&'static str),
    /// The code was used, expired, or is somebody else's.
    #[error("the provider of the sign-in does not take the code: it may have been used already")]
    Code,
    /// The person did not sign in strongly enough.
    #[error("the person did not sign in at a level that is demanded")]
    Weak,
    /// It says no NISS, or none that can be.
    #[error(
        "the provider of the sign-in gives no valid NISS: check the claim's name, and which scopes the client may ask for"
    )]
    NoNumber,
}

/// What the browser keeps, sealed, until the person comes back.
#[derive(Serialize, Deserialize)]
pub struct Pending {
    /// Names this sign-in.
    pub state: String,
    nonce: String,
    verifier: String,
    /// Where the person wanted to go.
    pub to: String,
    /// When it began, in seconds since 1970.
    pub at: u64,
}

struct Discovered {
    client: Known,
    leave: Option<Url>,
    origins: Vec<String>,
    at: Instant,
}

/// The provider.
pub struct Provider {
    settings: SignIn,
    issuer: IssuerUrl,
    back: RedirectUrl,
    left: PostLogoutRedirectUrl,
    http: Http,
    discovered: ArcSwapOption<Discovered>,
    /// Held by who asks: when it failed last, and how.
    asking: Mutex<Option<(Instant, Trouble)>>,
}

impl Provider {
    /// Of its settings; asks nothing yet. `back` and `left` are where people come back to, from signing in and from signing out.
    pub fn new(settings: SignIn, back: String, left: String) -> Result<Self, Error> {
        let no = || Error::Issuer(settings.issuer.clone());
        Ok(Self {
            issuer: IssuerUrl::new(settings.issuer.clone()).map_err(|_| no())?,
            back: RedirectUrl::new(back).map_err(|_| no())?,
            left: PostLogoutRedirectUrl::new(left).map_err(|_| no())?,
            http: Http::new(&settings).map_err(Error::Client)?,
            settings,
            discovered: ArcSwapOption::empty(),
            asking: Mutex::new(None),
        })
    }

    /// Where to send somebody who wants to sign in, and what to keep for when they come back.
    pub async fn begin(&self, language: Language, to: String, at: u64) -> Result<(Url, Pending), Trouble> {
        let known = self.known(None).await?;
        let (challenge, verifier) = PkceCodeChallenge::new_random_sha256();
        let flow = AuthenticationFlow::<CoreResponseType>::AuthorizationCode;
        let mut request = known.client.authorize_url(flow, CsrfToken::new_random, Nonce::new_random);
        for scope in &self.settings.scopes {
            request = request.add_scope(Scope::new(scope.clone()));
        }
        for level in &self.settings.levels {
            request = request.add_auth_context_value(AuthenticationContextClass::new(level.clone()));
        }
        let request = request.add_ui_locale(LanguageTag::new(language.as_str().to_owned()));
        let (url, state, nonce) = request.set_pkce_challenge(challenge).url();
        let url = Url::parse(url.as_str()).map_err(|_| Trouble::Wrong("its authorization endpoint"))?;
        let (state, nonce, verifier) = (state.into_secret(), nonce.secret().clone(), verifier.into_secret());
        Ok((url, Pending { state, nonce, verifier, to, at }))
    }

    /// Who came back with a code.
    pub async fn finish(&self, pending: Pending, code: String, today: jiff::civil::Date) -> Result<Identity, Trouble> {
        let known = self.known(None).await?;
        let exchange = known
            .client
            .exchange_code(AuthorizationCode::new(code))
            .map_err(|_| Trouble::Wrong("no token endpoint"))?;
        let exchange = exchange.set_pkce_verifier(PkceCodeVerifier::new(pending.verifier));
        let tokens = exchange.request_async(&self.http).await.map_err(|error| match error {
            RequestTokenError::Request(_) => Trouble::Away,
            RequestTokenError::ServerResponse(refusal) => {
                tracing::warn!(error = %refusal.error().as_ref(), "the provider of the sign-in refused a code");
                if *refusal.error() == CoreErrorResponseType::InvalidGrant {
                    Trouble::Code
                } else {
                    Trouble::Wrong("its refusal of the code")
                }
            }
            _ => Trouble::Wrong("its token endpoint"),
        })?;
        let token = tokens.id_token().ok_or(Trouble::Wrong("no ID token"))?;
        let nonce = Nonce::new(pending.nonce);
        let said = match self.checked(&known, token, &nonce) {
            // The provider may have other keys by now.
            Err(ClaimsVerificationError::SignatureVerification(SignatureVerificationError::NoMatchingKey)) => {
                let again = self.known(Some(known.at)).await?;
                self.checked(&again, token, &nonce)
            }
            other => other,
        };
        let (subject, claims, name) = said.map_err(|error| {
            tracing::warn!(%error, "the provider of the sign-in gave a token that does not check out");
            if matches!(error, ClaimsVerificationError::InvalidAuthContext(_)) {
                Trouble::Weak
            } else {
                Trouble::Wrong("its ID token")
            }
        })?;
        let id_token: Box<str> = token.to_string().into();
        let (claims, name) = if claims.has(&self.settings.niss_claim) || known.client.user_info_url().is_none() {
            (claims, name)
        } else {
            let asked = known.client.user_info(tokens.access_token().clone(), Some(subject));
            let asked = asked.map_err(|_| Trouble::Wrong("no userinfo endpoint"))?;
            let info: UserInfoClaims<Claims, CoreGenderClaim> =
                asked.request_async(&self.http).await.map_err(|error| match error {
                    UserInfoError::Request(_) => Trouble::Away,
                    _ => Trouble::Wrong("its userinfo endpoint"),
                })?;
            let name = info.name().and_then(|name| name.get(None)).map(|name| name.to_string());
            (info.additional_claims().clone(), name)
        };
        claims.identity(&self.settings, name, id_token, today)
    }

    fn checked(
        &self,
        known: &Discovered,
        token: &openidconnect::IdToken<
            Claims,
            CoreGenderClaim,
            CoreJweContentEncryptionAlgorithm,
            CoreJwsSigningAlgorithm,
        >,
        nonce: &Nonce,
    ) -> Result<(openidconnect::SubjectIdentifier, Claims, Option<String>), ClaimsVerificationError> {
        let levels = &self.settings.levels;
        let verifier =
            known.client.id_token_verifier().set_allowed_algs(SIGNATURES).set_auth_context_verifier_fn(|given| {
                let is_demanded = |given: &AuthenticationContextClass| levels.iter().any(|level| **level == **given);
                let holds = levels.is_empty() || given.is_some_and(is_demanded);
                holds.then_some(()).ok_or_else(|| "not a level that is demanded".to_owned())
            });
        let claims = token.claims(&verifier, nonce)?;
        let name = claims.name().and_then(|name| name.get(None)).map(|name| name.to_string());
        Ok((claims.subject().clone(), claims.additional_claims().clone(), name))
    }

    /// Where to send somebody who signs out, if the provider wants to know.
    pub fn leave(&self, id_token: &str, language: Language) -> Option<Url> {
        let known = self.discovered.load_full()?;
        let endpoint = known.leave.as_ref()?;
        let request = LogoutRequest::from(openidconnect::EndSessionUrl::new(endpoint.to_string()).ok()?);
        let request = request
            .set_client_id(ClientId::new(self.settings.client_id.clone()))
            .set_post_logout_redirect_uri(self.left.clone())
            .add_ui_locale(LanguageTag::new(language.as_str().to_owned()));
        let mut url = Url::parse(request.http_get_url().as_str()).ok()?;
        if !id_token.is_empty() {
            url.query_pairs_mut().append_pair("id_token_hint", id_token);
        }
        Some(url)
    }

    /// The origins to which a form may lead in the end: signing out goes to the provider.
    pub fn origins(&self) -> Vec<String> {
        self.discovered.load().as_ref().map(|known| known.origins.clone()).unwrap_or_default()
    }

    /// What the provider says of itself: as it was told lately, or asked for now. With `stale` something newer is wanted.
    async fn known(&self, stale: Option<Instant>) -> Result<Arc<Discovered>, Trouble> {
        let usable = |known: &Arc<Discovered>| {
            let age = known.at.elapsed();
            age < self.settings.fresh && stale.is_none_or(|stale| known.at > stale || age < KEYS_EVERY)
        };
        if let Some(known) = self.discovered.load_full().filter(usable) {
            return Ok(known);
        }
        // One asks, the others wait and find what it got.
        let mut failed = self.asking.lock().await;
        if let Some(known) = self.discovered.load_full().filter(usable) {
            return Ok(known);
        }
        if let Some((at, trouble)) = *failed
            && at.elapsed() < FAILED_FOR
        {
            return Err(trouble);
        }
        let found = self.discover().await;
        *failed = found.as_ref().err().map(|trouble| (Instant::now(), *trouble));
        let found = Arc::new(found?);
        self.discovered.store(Some(Arc::clone(&found)));
        Ok(found)
    }

    async fn discover(&self) -> Result<Discovered, Trouble> {
        let found = ProviderMetadataWithLogout::discover_async(self.issuer.clone(), &self.http).await;
        let found = found.map_err(|error| match error {
            openidconnect::DiscoveryError::Request(_) => Trouble::Away,
            openidconnect::DiscoveryError::Response(status, ..) if status.is_server_error() => Trouble::Away,
            error => {
                tracing::warn!(%error, issuer = self.issuer.as_str(), "the provider of the sign-in can't be discovered");
                Trouble::Wrong("its discovery document")
            }
        })?;
        let leave = found.additional_metadata().end_session_endpoint.as_ref();
        let leave = leave.and_then(|endpoint| Url::parse(endpoint.as_str()).ok());
        let ends = [Url::parse(found.authorization_endpoint().as_str()).ok(), leave.clone()];
        let mut origins: Vec<String> = ends.iter().flatten().map(|url| url.origin().ascii_serialization()).collect();
        origins.dedup();
        let secret = self.settings.client_secret.clone().map(ClientSecret::new);
        let client = Client::from_provider_metadata(found, ClientId::new(self.settings.client_id.clone()), secret);
        Ok(Discovered { client: client.set_redirect_uri(self.back.clone()), leave, origins, at: Instant::now() })
    }
}
