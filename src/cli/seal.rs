//! Encrypts a content for the devices of a citizen, as `estafette send --encrypt` does: RSA-OAEP-256 with A256GCM, in
//! compact JWE. What is encrypted is a JSON object of the texts by language.
use anyhow::{Context, anyhow, bail, ensure};
use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use aws_lc_rs::rand::fill;
use aws_lc_rs::rsa::{OAEP_SHA256_MGF1SHA256, OaepPublicEncryptingKey, PublicEncryptingKey, PublicKeyComponents};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value};

const HEADER: &str = r#"{"alg":"RSA-OAEP-256","enc":"A256GCM"}"#;
/// 65537.
const EXPONENT: [u8; 3] = [1, 0, 1];

/// A compact JWE of `plain` for the RSA-2048 key with this modulus.
pub fn encrypt(plain: &[u8], modulus: &[u8]) -> anyhow::Result<String> {
    let failed = |_| anyhow!("the content can't be encrypted with this key: ask for the receivers again");
    let key: PublicEncryptingKey = PublicKeyComponents { n: modulus, e: &EXPONENT[..] }.try_into().map_err(failed)?;
    let key = OaepPublicEncryptingKey::new(key).map_err(failed)?;
    let (mut content_key, mut iv) = ([0; 32], [0; 12]);
    fill(&mut content_key).map_err(failed)?;
    fill(&mut iv).map_err(failed)?;
    let mut wrapped = vec![0; key.ciphertext_size()];
    let wrapped = key.encrypt(&OAEP_SHA256_MGF1SHA256, &content_key, &mut wrapped, None).map_err(failed)?;
    let header = URL_SAFE_NO_PAD.encode(HEADER);
    let cipher = LessSafeKey::new(UnboundKey::new(&AES_256_GCM, &content_key).map_err(failed)?);
    let mut sealed = plain.to_vec();
    let tag = cipher
        .seal_in_place_separate_tag(Nonce::assume_unique_for_key(iv), Aad::from(header.as_bytes()), &mut sealed)
        .map_err(failed)?;
    let parts = [&*wrapped, &iv[..], &sealed, tag.as_ref()].map(|part| URL_SAFE_NO_PAD.encode(part));
    Ok(format!("{header}.{}", parts.join(".")))
}

/// `content.encrypted` of a message: `plain` for each device in an answer of `GET /v1/recipients/receivers`.
pub fn for_receivers(plain: &[u8], answer: &Value) -> anyhow::Result<Map<String, Value>> {
    let receivers = answer["receivers"].as_array().context("the broker's answer names no receivers")?;
    if receivers.is_empty() {
        bail!("GovApp doesn't reach the recipient now: nobody could read what is encrypted; send it in clear");
    }
    let mut sealed = Map::new();
    for receiver in receivers {
        let id = receiver["id"].as_str().context("a receiver without an id")?;
        let key = receiver["public_key"].as_str().context("a receiver without a key")?;
        let modulus = URL_SAFE_NO_PAD.decode(key.trim_end_matches('=')).context("a key that is not base64url")?;
        ensure!(modulus.len() == 256, "a key that is not of 2048 bits");
        sealed.insert(id.to_owned(), Value::String(encrypt(plain, &modulus)?));
    }
    Ok(sealed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use aws_lc_rs::encoding::AsDer as _;
    use aws_lc_rs::rsa::{KeySize, OaepPrivateDecryptingKey, PrivateDecryptingKey};
    use estafette_actors::domain::jwe::Jwe;

    #[test]
    fn what_is_encrypted_is_taken_and_opens_with_the_private_key_only() {
        let private = PrivateDecryptingKey::generate(KeySize::Rsa2048).unwrap();
        let der = private.public_key().as_der().unwrap();
        // SPKI: the modulus is the 256 bytes before the exponent's INTEGER (02 03 01 00 01).
        let der: &[u8] = der.as_ref();
        let modulus = &der[der.len() - 5 - 256..der.len() - 5];
        let jwe = encrypt(b"a secret", modulus).unwrap();
        assert!(Jwe::parse(&jwe).is_ok());
        let parts: Vec<&str> = jwe.split('.').collect();
        let decoded: Vec<Vec<u8>> = parts.iter().map(|part| URL_SAFE_NO_PAD.decode(part).unwrap()).collect();
        let oaep = OaepPrivateDecryptingKey::new(private).unwrap();
        let mut key = vec![0; oaep.min_output_size()];
        let key = oaep.decrypt(&OAEP_SHA256_MGF1SHA256, &decoded[1], &mut key, None).unwrap();
        let cipher = LessSafeKey::new(UnboundKey::new(&AES_256_GCM, key).unwrap());
        let nonce = Nonce::try_assume_unique_for_key(&decoded[2]).unwrap();
        let mut sealed = [&decoded[3][..], &decoded[4][..]].concat();
        let plain = cipher.open_in_place(nonce, Aad::from(parts[0].as_bytes()), &mut sealed).unwrap();
        assert_eq!(plain, b"a secret");
        assert_ne!(encrypt(b"a secret", modulus).unwrap(), jwe, "a fresh key and vector each time");
    }
}
