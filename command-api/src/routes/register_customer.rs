//! `POST /v1/customers`

use axum::{
    body::Body,
    extract::{FromRequest, Request, State},
    http::StatusCode,
};
use domain::{
    customer::{Command, Customer, Event},
    ids::CustomerId,
};
use edge::{Json, Problem};
use event_store::{
    Position, StreamId,
    claims::ClaimChange,
    commands::{Fingerprint, KnownCommand},
    executor::{self, Answer},
};
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::{
    AppState,
    call::Call,
    codes, commands,
    error::{
        credentials_failed, key_store_failed, log_failed, passwords_failed, personal_data_failed,
        problem, refused,
    },
    identity::EMAIL_CLAIM,
    metrics,
    personal_data::{self, Field},
    routes::{Refusals, credentials_body as checked},
};

/// Who wants an account.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Registration {
    /// At most 254 bytes. Upper and lower case are the same address.
    #[schema(example = "anna@example.org")]
    email: String,
    /// 8 to 1,024 bytes.
    #[schema(value_type = String, format = Password, min_length = 8, max_length = 1024)]
    password: SecretString,
    /// 1 to 200 bytes.
    #[schema(example = "Anna")]
    name: String,
}

/// The new customer.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Registered {
    #[schema(value_type = Uuid)]
    customer_id: CustomerId,
    #[schema(value_type = u64)]
    position: Position,
}

/// What makes two registrations the same. The password is compared by its own hash: a digest that is quick to make would be quick to
/// guess from.
#[derive(Serialize)]
struct Content<'a> {
    email_digest: &'a str,
    name: &'a str,
}

/// Register.
#[utoipa::path(
    post, path = "/v1/customers", tag = "Customers", params(crate::routes::Headers),
    request_body = Registration, responses((status = 201, body = Registered), Refusals)
)]
pub(crate) async fn register_customer(
    State(state): State<AppState>,
    request: Request<Body>,
) -> Result<(StatusCode, Json<Registered>), Problem> {
    let (mut parts, body) = request.into_parts();
    let Json(registration): Json<Registration> =
        Json::from_request(Request::from_parts(parts.clone(), body), &state).await?;
    checked::email(&registration.email)?;
    checked::password(&registration.password)?;
    checked::name(&registration.name)?;
    let digest = state.identity.emails.digest(&registration.email);
    let call = Call::of(
        format!("email:{digest}"),
        &mut parts,
        state.settings.deadline,
    )
    .await?;
    let content = Content {
        email_digest: &digest,
        name: &registration.name,
    };
    let fingerprint = state
        .fingerprints
        .fingerprint(&commands::canonical(&content));

    // The claim first: whoever set it stored its command with it, so a repeat is known by now and not mistaken for a rival.
    let log = &state.log;
    let holder = log
        .claim(EMAIL_CLAIM, &digest)
        .await
        .map_err(|error| log_failed(&error))?;
    let known = log
        .known_commands(&[call.command_id])
        .await
        .map_err(|error| log_failed(&error))?;
    let registered = match (known.into_iter().flatten().next(), holder) {
        (Some(known), _) => repeat(&state, &known, &fingerprint, registration.password).await?,
        (None, Some(_)) => {
            return Err(problem(
                codes::EMAIL_TAKEN,
                "the e-mail address has an account already",
            ));
        }
        (None, None) => register(&state, &call, fingerprint, digest, registration).await?,
    };
    Ok((StatusCode::CREATED, Json(registered)))
}

/// Writes the key, then the password, then the event: only the event makes a customer, and what a crash leaves of the others is swept.
async fn register(
    state: &AppState,
    call: &Call,
    fingerprint: Fingerprint,
    digest: String,
    registration: Registration,
) -> Result<Registered, Problem> {
    let identity = &state.identity;
    let id = Uuid::now_v7();
    let hash = identity.passwords.hash(registration.password.clone()).await;
    let phc = hash.map_err(|error| passwords_failed(&error))?;
    let now = state.clock.now();
    let key = identity
        .keys
        .create_key(id, now)
        .await
        .map_err(|error| key_store_failed(&error))?;
    let seal = |field, text| {
        personal_data::encrypt(&key, id, field, text).map_err(|error| personal_data_failed(&error))
    };
    let command = Command::Register {
        customer_id: CustomerId(id),
        email: seal(Field::Email, registration.email.trim())?,
        name: seal(Field::Name, &registration.name)?,
    };
    let put = identity.credentials.put_password(id, &phc, now).await;
    put.map_err(|error| credentials_failed(&error))?;

    let mut request = call.request(fingerprint, command);
    // The principal is made of the e-mail's digest, which no event may hold.
    request
        .metadata
        .0
        .insert("actor".to_owned(), format!("customer:{id}"));
    request.claims.push(ClaimChange::Set {
        namespace: EMAIL_CLAIM.to_owned(),
        key: digest,
        stream: StreamId::new(<Customer as domain::Aggregate>::TYPE, id.to_string()),
    });
    let result = state
        .executors
        .customers
        .execute(&id.to_string(), request)
        .await;
    metrics::command(
        "register_customer",
        result.as_ref().err().map(|_| "refused"),
    );
    match result {
        Ok(answer) if !answer.repeated => registered(&answer),
        Ok(answer) => {
            identity.discard(id).await;
            let customer = registered(&answer)?;
            check_password(state, customer.customer_id, registration.password).await?;
            Ok(customer)
        }
        Err(error) => {
            // After anything else the customer may exist.
            if matches!(
                error,
                executor::Error::ClaimTaken { .. } | executor::Error::KeyReused
            ) {
                identity.discard(id).await;
            }
            Err(refused(&error, state.clock.now()))
        }
    }
}

fn registered(answer: &Answer<Event>) -> Result<Registered, Problem> {
    Ok(Registered {
        customer_id: crate::call::id_of(answer)?,
        position: answer.position,
    })
}

/// Answers a repeat from the event of the first time.
async fn repeat(
    state: &AppState,
    known: &KnownCommand,
    fingerprint: &Fingerprint,
    password: SecretString,
) -> Result<Registered, Problem> {
    if known.fingerprint != *fingerprint {
        return Err(key_reused());
    }
    let before = Position(known.first.0.saturating_sub(1));
    let events = state
        .log
        .read_all(before, 1)
        .await
        .map_err(|error| log_failed(&error))?;
    let id = events
        .first()
        .map(|event| event.stream.aggregate_id.parse());
    let Some(Ok(customer_id)) = id else {
        return Err(Problem::internal(
            &executor::Error::<domain::customer::Error>::Broken(format!(
                "the event at {} does not register a customer",
                known.first
            )),
        ));
    };
    check_password(state, customer_id, password).await?;
    Ok(Registered {
        customer_id,
        position: known.last,
    })
}

/// A repeat brings the password of the first time.
async fn check_password(
    state: &AppState,
    customer: CustomerId,
    password: SecretString,
) -> Result<(), Problem> {
    let identity = &state.identity;
    let stored = identity.credentials.password(customer.0).await;
    let phc = stored.map_err(|error| credentials_failed(&error))?;
    let verified = identity.passwords.verify(password, phc).await;
    if verified.map_err(|error| passwords_failed(&error))? {
        Ok(())
    } else {
        Err(key_reused())
    }
}

fn key_reused() -> Problem {
    let error = executor::Error::<domain::customer::Error>::KeyReused;
    problem(codes::IDEMPOTENCY_KEY_REUSED, error.to_string())
}
