//! Tokens as clients send them: the good ones, and each way to be wrong.

use std::{
    collections::HashSet,
    fs,
    os::unix::fs::PermissionsExt,
    path::PathBuf,
    sync::atomic::{AtomicI64, Ordering},
    time::Duration,
};

use axum::{Router, body::Body, http::Request, routing::get};
use chrono::{DateTime, Utc};
use tower::ServiceExt;

use super::*;

/// A folder that goes away with the test.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        Self(std::env::temp_dir().join(format!("frontrow-auth-{}", Uuid::now_v7())))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

const START: i64 = 1_800_000_000;
const TTL: Duration = Duration::from_mins(15);

fn at(seconds: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(seconds, 0).unwrap()
}

/// A verifier for the signer, and the clock that it reads.
fn verifier(signer: &Signer) -> (Arc<Verifier>, Arc<AtomicI64>) {
    let clock = Arc::new(AtomicI64::new(START));
    let shown = Arc::clone(&clock);
    let now: Now = Arc::new(move || at(shown.load(Ordering::SeqCst)));
    let verifier = Verifier::new([signer.public_key()], now);
    (Arc::new(verifier), clock)
}

fn customer() -> Principal {
    Principal {
        id: Uuid::from_u128(7),
        role: Role::Customer,
    }
}

#[test]
fn a_token_is_valid_until_its_last_second_cached_or_not() {
    let folder = Folder::new();
    let signer = Signer::open(&folder.0).unwrap();
    let (verifier, clock) = verifier(&signer);
    let session = Uuid::from_u128(9);
    let token = signer.issue_for_session(customer(), session, at(START), TTL);
    let unused = signer.issue(customer(), at(START), TTL);

    let authenticated = verifier.verify(&token).unwrap();
    assert_eq!(authenticated.principal, customer());
    assert_eq!(authenticated.session, Some(session));
    assert_eq!(verifier.remembered(), 1);

    clock.store(START + 899, Ordering::SeqCst);
    assert!(verifier.verify(&token).is_ok());
    clock.store(START + 900, Ordering::SeqCst);
    assert_eq!(verifier.verify(&token), Err(Refusal::TokenExpired));
    assert_eq!(verifier.remembered(), 0, "an expired token is forgotten");
    assert_eq!(verifier.verify(&token), Err(Refusal::TokenExpired));
    assert_eq!(verifier.verify(&unused), Err(Refusal::TokenExpired));
}

#[test]
fn a_token_that_is_not_ours_is_invalid() {
    let (folder, other) = (Folder::new(), Folder::new());
    let signer = Signer::open(&folder.0).unwrap();
    let (verifier, _) = verifier(&signer);
    let token = signer.issue(customer(), at(START), TTL);
    let stranger = Signer::open(&other.0).unwrap();

    let claims = |iss: &str, aud: &str| Claims {
        iss: iss.to_owned(),
        aud: aud.to_owned(),
        sub: Uuid::nil(),
        role: Role::Admin,
        iat: START,
        exp: START + 900,
        sid: None,
    };
    let foreign = stranger.sign_claims(&claims(ISSUER, AUDIENCE));
    let parts: Vec<&str> = token.split('.').collect();
    let foreign_parts: Vec<&str> = foreign.split('.').collect();
    // {"alg":"none"} and HS256 with the public key as the secret are the classic forgeries.
    let mut hmac = jsonwebtoken::Header::new(jsonwebtoken::Algorithm::HS256);
    hmac.kid = Some(signer.public_key().kid);
    let secret = jsonwebtoken::EncodingKey::from_secret(&signer.public_key().bytes);
    let confused = jsonwebtoken::encode(&hmac, &claims(ISSUER, AUDIENCE), &secret).unwrap();
    let forgeries = [
        foreign.clone(),
        format!("{}.{}.{}", parts[0], foreign_parts[1], parts[2]),
        format!("{}.{}.{}", parts[0], foreign_parts[1], foreign_parts[2]),
        format!("eyJhbGciOiJub25lIn0.{}.", parts[1]),
        format!("{}.{}", parts[0], parts[1]),
        confused,
        signer.sign_claims(&claims("another", AUDIENCE)),
        signer.sign_claims(&claims(ISSUER, "another")),
        String::new(),
        "a.b.c".to_owned(),
    ];
    for forgery in &forgeries {
        assert_eq!(
            verifier.verify(forgery),
            Err(Refusal::InvalidToken),
            "{forgery}"
        );
    }
    assert!(
        verifier
            .verify(&signer.sign_claims(&claims(ISSUER, AUDIENCE)))
            .is_ok()
    );
    assert!(verifier.verify(&token).is_ok());
    assert_eq!(verifier.remembered(), 2);
}

#[test]
fn the_key_is_made_once_and_readable_by_its_owner_alone() {
    let folder = Folder::new();
    let kids: HashSet<String> = std::thread::scope(|scope| {
        let openers: Vec<_> = (0..8)
            .map(|_| scope.spawn(|| Signer::open(&folder.0).unwrap().public_key().kid))
            .collect();
        openers
            .into_iter()
            .map(|opener| opener.join().unwrap())
            .collect()
    });
    assert_eq!(kids.len(), 1, "all who start at once use one key");

    let files: Vec<_> = fs::read_dir(&folder.0).unwrap().collect();
    assert_eq!(files.len(), 1, "no draft is left");
    let path = folder.0.join(SIGNING_KEY_FILE);
    let mode = fs::metadata(&path).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);

    let signer = Signer::open(&folder.0).unwrap();
    assert!(kids.contains(&signer.public_key().kid), "and keep it");
    assert_eq!(
        signer.default_subject(Role::Organizer),
        Signer::open(&folder.0)
            .unwrap()
            .default_subject(Role::Organizer)
    );
    assert_ne!(
        signer.default_subject(Role::Organizer),
        signer.default_subject(Role::Admin)
    );

    fs::write(&path, "not a key").unwrap();
    assert!(matches!(
        Signer::open(&folder.0),
        Err(KeyError::Malformed { .. })
    ));
}

#[test]
fn a_key_is_replaced_while_both_are_trusted() {
    let folder = Folder::new();
    let keys = folder.0.join("trusted");
    let [old, new] = ["old.pem", "new.pem"].map(|name| {
        let signer = Signer::create(&folder.0.join(name)).unwrap();
        fs::create_dir_all(&keys).unwrap();
        fs::write(keys.join(name), signer.public_key().to_pem()).unwrap();
        signer
    });
    assert!(matches!(
        Signer::create(&folder.0.join("old.pem")),
        Err(KeyError::Exists { .. })
    ));
    let trusted = PublicKey::read(&keys).unwrap();
    let one = PublicKey::read(&keys.join("new.pem")).unwrap();
    assert_eq!((trusted.len(), &one), (2, &vec![new.public_key()]));
    let now: Now = Arc::new(|| at(START));
    let (both, only) = (Verifier::new(trusted, now.clone()), Verifier::new(one, now));
    let tokens = [&old, &new].map(|signer| signer.issue(customer(), at(START), TTL));
    let valid = |verifier: &Verifier| {
        tokens
            .each_ref()
            .map(|token| verifier.verify(token).is_ok())
    };
    assert_eq!((valid(&both), valid(&only)), ([true; 2], [false, true]));

    // A private key in the place of a public one is not taken for one.
    assert!(matches!(
        PublicKey::read(&folder.0.join("old.pem")),
        Err(KeyError::NotPublic { .. })
    ));
    let empty = folder.0.join("empty");
    fs::create_dir_all(&empty).unwrap();
    assert!(matches!(
        PublicKey::read(&empty),
        Err(KeyError::Empty { .. })
    ));
}

#[test]
fn roles_are_read_as_they_are_written() {
    for role in [Role::Customer, Role::Organizer, Role::Auditor, Role::Admin] {
        assert_eq!(role.to_string().parse::<Role>(), Ok(role));
    }
    assert!("root".parse::<Role>().is_err());
}

/// What a handler that needs an organizer answers to a request with these `Authorization` headers.
async fn answer(verifier: &Arc<Verifier>, headers: &[&str]) -> (u16, String, Option<String>) {
    let handler = |principal: Principal| async move {
        match principal.require(Role::Organizer) {
            Ok(()) => principal.id.to_string().into_response(),
            Err(refusal) => refusal.into_response(),
        }
    };
    let app = Router::new()
        .route("/", get(handler))
        .with_state(Arc::clone(verifier));
    let mut request = Request::get("/");
    for value in headers {
        request = request.header(header::AUTHORIZATION, *value);
    }
    let response = app
        .oneshot(request.body(Body::empty()).unwrap())
        .await
        .unwrap();
    let status = response.status().as_u16();
    let challenge = response
        .headers()
        .get(header::WWW_AUTHENTICATE)
        .map(|value| value.to_str().unwrap().to_owned());
    let body = axum::body::to_bytes(response.into_body(), 65_536)
        .await
        .unwrap();
    (status, String::from_utf8(body.to_vec()).unwrap(), challenge)
}

#[tokio::test]
async fn a_handler_answers_401_and_403_with_a_challenge() {
    let folder = Folder::new();
    let signer = Signer::open(&folder.0).unwrap();
    let (verifier, clock) = verifier(&signer);
    let organizer = Principal {
        id: Uuid::from_u128(1),
        role: Role::Organizer,
    };
    let good = format!("Bearer {}", signer.issue(organizer, at(START), TTL));
    let wrong_role = format!("bearer {}", signer.issue(customer(), at(START), TTL));
    let too_long = format!("Bearer {}", "x".repeat(MAX_TOKEN_BYTES + 1));

    let (status, body, challenge) = answer(&verifier, &[&good]).await;
    assert_eq!(
        (status, body, challenge),
        (200, organizer.id.to_string(), None)
    );

    let refused = [
        (vec![], 401, "unauthenticated"),
        (vec!["Basic dTpw"], 401, "unauthenticated"),
        (vec!["Bearer "], 401, "unauthenticated"),
        (vec!["Bearer a.b.c"], 401, "invalid_token"),
        (vec![too_long.as_str()], 401, "invalid_token"),
        (vec![good.as_str(), good.as_str()], 401, "invalid_token"),
        (vec![wrong_role.as_str()], 403, "forbidden"),
    ];
    for (headers, status, code) in refused {
        let (found, body, challenge) = answer(&verifier, &headers).await;
        assert_eq!(found, status, "{headers:?}");
        assert!(body.contains(&format!("\"{code}\"")), "{body}");
        assert!(challenge.unwrap().starts_with("Bearer realm="));
    }
    clock.store(START + 900, Ordering::SeqCst);
    let (status, body, _) = answer(&verifier, &[&good]).await;
    assert_eq!(status, 401);
    assert!(body.contains("token_expired"), "{body}");
}
