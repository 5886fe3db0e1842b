//! Signing by the Standard Webhooks specification: HMAC-SHA-256 over `id.timestamp.body`.

use aws_lc_rs::hmac;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;

use crate::store::webhooks::HookSecret;

/// Bytes of a secret: the specification allows 24 to 64; 32 are as many as the hash has.
pub const SECRET_BYTES: usize = 32;

/// The value of `webhook-signature`: one signature a secret, the present one first.
pub fn header(secrets: &[HookSecret], id: &str, at: Timestamp, body: &[u8]) -> String {
    let signature = |secret: &HookSecret| {
        let key = hmac::Key::new(hmac::HMAC_SHA256, secret.expose());
        let mut context = hmac::Context::with_key(&key);
        context.update(id.as_bytes());
        context.update(b".");
        context.update(at.as_second().to_string().as_bytes());
        context.update(b".");
        context.update(body);
        format!("v1,{}", STANDARD.encode(context.sign().as_ref()))
    };
    secrets.iter().map(signature).collect::<Vec<_>>().join(" ")
}

/// The form in which a secret is shown to its owner, once.
pub fn shown(secret: &HookSecret) -> String {
    format!("whsec_{}", STANDARD.encode(secret.expose()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of the specification and of its reference libraries.
    #[test]
    fn the_example_of_the_specification_is_signed_alike() {
        let secret = HookSecret::new(STANDARD.decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap());
        let at = Timestamp::from_second(1_614_265_330).unwrap();
        let signed =
            header(std::slice::from_ref(&secret), "msg_p5jXN8AQM9LWM0D4loKWxJek", at, br#"{"test": 2432232314}"#);
        assert_eq!(signed, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
        assert_eq!(shown(&secret), "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw");
        assert_eq!(format!("{secret:?}"), "HookSecret(redacted)");
    }

    #[test]
    fn two_secrets_make_two_signatures() {
        let secrets = [HookSecret::new(vec![1; 32]), HookSecret::new(vec![2; 32])];
        let at = Timestamp::UNIX_EPOCH;
        let both = header(&secrets, "evt_1", at, b"{}");
        let [one, other] = [0, 1].map(|place| header(&secrets[place..=place], "evt_1", at, b"{}"));
        assert_eq!(both, format!("{one} {other}"));
        assert_ne!(one, other);
    }
}
