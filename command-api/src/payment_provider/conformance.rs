//! What every payment provider promises, as functions over the port. Each answers what it found wrong.

use domain::{
    ids::{CustomerId, PaymentId},
    points::Points,
};
use futures::future::{join_all, try_join_all};
use uuid::Uuid;

use super::{Credited, Declined, Error, Order, PaymentProvider};
use crate::{commands::Origin, ensure::ensure};

/// What a payment costs in these functions.
const PRICE: Points = 30;
/// How many ask for one thing at once.
const CALLERS: usize = 8;
/// Races between a debit and a credit: enough for either to come first now and then.
const RACES: usize = 32;

/// Gives a customer something to pay with.
pub trait Fund: AsyncFn(CustomerId, Points) {}
impl<F: AsyncFn(CustomerId, Points)> Fund for F {}

#[expect(clippy::needless_pass_by_value, reason = "used with map_err")]
fn text(error: Error) -> String {
    error.to_string()
}

/// Runs them all, on customers of their own.
///
/// # Errors
/// What the first that failed found wrong.
pub async fn all(provider: &dyn PaymentProvider, fund: impl Fund) -> Result<(), String> {
    a_debit_is_carried_out_once(provider, &fund).await?;
    a_declined_debit_takes_nothing(provider, &fund).await?;
    a_credit_gives_back_once(provider, &fund).await?;
    a_credit_bars_what_has_not_debited(provider, &fund).await?;
    a_debit_and_a_credit_at_once_agree(provider, &fund).await?;
    payments_at_once_take_no_more_than_there_is(provider, &fund).await
}

/// A new customer with `funds`.
async fn customer(fund: &impl Fund, funds: Points) -> CustomerId {
    let customer = CustomerId(Uuid::now_v7());
    fund(customer, funds).await;
    customer
}

/// One payment, as a saga asks for it.
struct Asking<'a> {
    provider: &'a dyn PaymentProvider,
    customer_id: CustomerId,
    payment_id: PaymentId,
    origin: Origin,
}

impl<'a> Asking<'a> {
    fn new(provider: &'a dyn PaymentProvider, customer_id: CustomerId) -> Self {
        let payment_id = PaymentId(Uuid::now_v7());
        let origin = Origin::manager("conformance", payment_id.0);
        Self {
            provider,
            customer_id,
            payment_id,
            origin,
        }
    }

    fn order(&self) -> Order<'_> {
        Order {
            payment_id: self.payment_id,
            customer_id: self.customer_id,
            amount: PRICE,
            origin: &self.origin,
            deadline: None,
        }
    }

    /// The balance after the debit.
    async fn debit(&self) -> Result<Result<Points, Declined>, String> {
        let debited = self.provider.debit(&self.order()).await.map_err(text)?;
        Ok(debited.map(|debited| debited.balance))
    }

    async fn credit(&self) -> Result<Credited, String> {
        self.provider.credit(&self.order()).await.map_err(text)
    }
}

/// Fails unless the customer has exactly `funds`.
async fn has(
    provider: &dyn PaymentProvider,
    customer: CustomerId,
    funds: Points,
) -> Result<(), String> {
    let enough = provider.check(customer, funds).await.map_err(text)?;
    ensure!(enough.is_ok(), "less than {funds} is left: {enough:?}");
    let more = provider.check(customer, funds + 1).await.map_err(text)?;
    let Err(declined) = more else {
        return Err(format!("more than {funds} is left"));
    };
    ensure!(
        declined.balance == funds,
        "{} is said to be left of {funds}",
        declined.balance
    );
    Ok(())
}

/// A debit takes the amount once, however often and from however many sides it is asked for; each answer is the first one.
///
/// # Errors
/// What was found wrong.
pub async fn a_debit_is_carried_out_once(
    provider: &dyn PaymentProvider,
    fund: &impl Fund,
) -> Result<(), String> {
    let customer = customer(fund, 100).await;
    let payment = Asking::new(provider, customer);
    let answers = try_join_all((0..CALLERS).map(|_| payment.debit())).await?;
    let all = answers.iter().all(|answer| *answer == Ok(100 - PRICE));
    ensure!(all, "one debit at once is answered with {answers:?}");
    fund(customer, 1).await;
    let again = payment.debit().await?;
    ensure!(
        again == Ok(100 - PRICE),
        "a debit is answered with {again:?} later on"
    );
    has(provider, customer, 101 - PRICE).await
}

/// A debit beyond what is there is declined with what is there, takes nothing, and succeeds once there is enough.
///
/// # Errors
/// What was found wrong.
pub async fn a_declined_debit_takes_nothing(
    provider: &dyn PaymentProvider,
    fund: &impl Fund,
) -> Result<(), String> {
    let customer = customer(fund, PRICE - 1).await;
    let payment = Asking::new(provider, customer);
    for _ in 0..2 {
        let answer = payment.debit().await?;
        let Err(declined) = answer else {
            return Err(format!("more was debited than there is: {answer:?}"));
        };
        ensure!(
            declined.balance == PRICE - 1,
            "declined at a balance of {}",
            declined.balance
        );
        has(provider, customer, PRICE - 1).await?;
    }
    fund(customer, 1).await;
    let answer = payment.debit().await?;
    ensure!(answer == Ok(0), "a debit is declined for good: {answer:?}");
    has(provider, customer, 0).await
}

/// A credit gives back what was debited, once; afterwards the payment debits no more.
///
/// # Errors
/// What was found wrong.
pub async fn a_credit_gives_back_once(
    provider: &dyn PaymentProvider,
    fund: &impl Fund,
) -> Result<(), String> {
    let customer = customer(fund, 100).await;
    let payment = Asking::new(provider, customer);
    let debited = payment.debit().await?;
    ensure!(debited.is_ok(), "a debit is declined: {debited:?}");
    let expected = Credited {
        balance: 100,
        refunded: true,
    };
    let answers = try_join_all((0..CALLERS).map(|_| payment.credit())).await?;
    let all = answers.iter().all(|answer| *answer == expected);
    ensure!(all, "one credit at once is answered with {answers:?}");
    has(provider, customer, 100).await?;
    // Whether the debit is still told as it was or declined by now: it takes nothing any more.
    payment.debit().await?.ok();
    has(provider, customer, 100).await
}

/// A credit of a payment that debited nothing gives nothing back, and bars it.
///
/// # Errors
/// What was found wrong.
pub async fn a_credit_bars_what_has_not_debited(
    provider: &dyn PaymentProvider,
    fund: &impl Fund,
) -> Result<(), String> {
    let customer = customer(fund, 100).await;
    let payment = Asking::new(provider, customer);
    for _ in 0..2 {
        let credited = payment.credit().await?;
        let nothing = credited.balance == 100 && !credited.refunded;
        ensure!(nothing, "a credit of nothing is answered with {credited:?}");
    }
    let debited = payment.debit().await?;
    ensure!(
        debited.is_err(),
        "a payment debits after it was given up: {debited:?}"
    );
    has(provider, customer, 100).await
}

/// Of a debit and a credit at once one comes first; both say which, and nothing is left taken.
///
/// # Errors
/// What was found wrong.
pub async fn a_debit_and_a_credit_at_once_agree(
    provider: &dyn PaymentProvider,
    fund: &impl Fund,
) -> Result<(), String> {
    let customer = customer(fund, 100).await;
    for race in 0..RACES {
        let payment = Asking::new(provider, customer);
        let (debited, credited) = if race % 2 == 0 {
            tokio::join!(payment.debit(), payment.credit())
        } else {
            let (credited, debited) = tokio::join!(payment.credit(), payment.debit());
            (debited, credited)
        };
        let (debited, credited) = (debited?, credited?);
        ensure!(
            debited.is_ok() == credited.refunded,
            "a debit is {debited:?}, its credit {credited:?}"
        );
        has(provider, customer, 100).await?;
    }
    Ok(())
}

/// Payments at once take what is there and no more; the others are declined.
///
/// # Errors
/// What was found wrong.
pub async fn payments_at_once_take_no_more_than_there_is(
    provider: &dyn PaymentProvider,
    fund: &impl Fund,
) -> Result<(), String> {
    let customer = customer(fund, 3 * PRICE + 1).await;
    let payments: Vec<_> = (0..CALLERS)
        .map(|_| Asking::new(provider, customer))
        .collect();
    let answers = join_all(payments.iter().map(Asking::debit)).await;
    let mut paid = 0;
    for answer in answers {
        paid += usize::from(answer?.is_ok());
    }
    ensure!(paid == 3, "{paid} of {CALLERS} were paid with points for 3");
    has(provider, customer, 1).await
}
