//! Reads bodies within a bound of bytes and of time, so that nobody holds a worker by sending slowly.
use actix_web::dev::Payload;
use actix_web::http::header;
use actix_web::{FromRequest, HttpRequest, web};
use bytes::{Bytes, BytesMut};
use futures_util::StreamExt;
use futures_util::future::LocalBoxFuture;

use super::App;
use super::problem::Problem;

/// A JSON body, whole.
pub struct JsonBody(pub Bytes);

/// A body of any type, whole, at most as large as a callback.
pub struct CallbackBody(pub Bytes);

/// The media type without its parameters, in lower case.
pub fn media_type(request: &HttpRequest) -> Option<String> {
    let value = request.headers().get(header::CONTENT_TYPE)?.to_str().ok()?;
    Some(value.split(';').next().unwrap_or_default().trim().to_ascii_lowercase())
}

fn is_json(request: &HttpRequest) -> bool {
    let value = request.headers().get(header::CONTENT_TYPE).map(header::HeaderValue::as_bytes);
    value == Some(b"application/json") || media_type(request).as_deref() == Some("application/json")
}

/// Reads to the end, or refuses.
async fn read(mut payload: Payload, announced: Option<u64>, limit: usize, app: &App) -> Result<Bytes, Problem> {
    if announced.is_some_and(|length| length > limit as u64) {
        return Err(Problem::TooLarge(limit as u64));
    }
    let reading = async {
        let Some(first) = payload.next().await else { return Ok(Bytes::new()) };
        let first = first.map_err(|_| Problem::BrokenBody)?;
        // Nearly every body comes in one piece, which needs no copy.
        let Some(second) = payload.next().await else { return within(first, limit) };
        let mut body = BytesMut::from(&first[..]);
        let mut piece = second;
        loop {
            body.extend_from_slice(&piece.map_err(|_| Problem::BrokenBody)?);
            if body.len() > limit {
                return Err(Problem::TooLarge(limit as u64));
            }
            match payload.next().await {
                Some(next) => piece = next,
                None => return Ok(body.freeze()),
            }
        }
    };
    tokio::time::timeout(app.parts.settings.body_timeout, reading).await.map_err(|_| Problem::TooSlow)?
}

/// Reads a payload to its end within a limit of its own.
pub async fn read_payload(request: &HttpRequest, payload: Payload, limit: usize, app: &App) -> Result<Bytes, Problem> {
    read(payload, announced(request), limit, app).await
}

fn within(body: Bytes, limit: usize) -> Result<Bytes, Problem> {
    if body.len() > limit { Err(Problem::TooLarge(limit as u64)) } else { Ok(body) }
}

fn announced(request: &HttpRequest) -> Option<u64> {
    request.headers().get(header::CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

impl FromRequest for JsonBody {
    type Error = Problem;
    type Future = LocalBoxFuture<'static, Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let app = request.app_data::<web::Data<App>>().cloned();
        let (json, announced, payload) = (is_json(request), announced(request), payload.take());
        Box::pin(async move {
            let app = app.ok_or(Problem::Restarting)?;
            if !json {
                return Err(Problem::UnsupportedMediaType("application/json"));
            }
            read(payload, announced, app.parts.settings.body_bytes, &app).await.map(Self)
        })
    }
}

impl FromRequest for CallbackBody {
    type Error = Problem;
    type Future = LocalBoxFuture<'static, Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let app = request.app_data::<web::Data<App>>().cloned();
        let (announced, payload) = (announced(request), payload.take());
        Box::pin(async move {
            let app = app.ok_or(Problem::Restarting)?;
            read(payload, announced, app.parts.settings.callback_bytes, &app).await.map(Self)
        })
    }
}
