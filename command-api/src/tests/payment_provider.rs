//! Points hold to the contract of a payment provider, and each function fails against one with just the fault that it is there to find.

use async_trait::async_trait;
use domain::{
    ids::{CustomerId, PaymentId},
    point_account::Command,
    points::Points,
};
use event_store::executor::Request;
use uuid::Uuid;

use super::harness::Api;
use crate::payment_provider::{
    Credited, Debited, Declined, Error, Order, PaymentProvider, PointsProvider, conformance,
};

#[derive(Debug, Clone, Copy, PartialEq)]
enum Fault {
    None,
    DebitsEachTime,
    TakesWhatItDeclines,
    CreditsEachTime,
    KeepsWhatItCredits,
    DebitsAfterItsEnd,
    ClaimsToRefundAlways,
    OverdrawsAccounts,
}

#[derive(Debug)]
struct Faulty {
    inner: PointsProvider,
    fault: Fault,
}

impl Faulty {
    /// The same order under another payment's name.
    async fn elsewhere(&self, order: &Order<'_>, amount: Points) -> Result<Debited, Error> {
        let other = Order {
            payment_id: PaymentId(Uuid::now_v7()),
            amount,
            ..*order
        };
        let debited = self.inner.debit(&other).await?;
        debited.map_err(|declined| Error::Broken(declined.detail))
    }
}

#[async_trait]
impl PaymentProvider for Faulty {
    fn method(&self) -> &'static str {
        self.inner.method()
    }

    async fn check(
        &self,
        customer: CustomerId,
        amount: Points,
    ) -> Result<Result<(), Declined>, Error> {
        self.inner.check(customer, amount).await
    }

    async fn debit(&self, order: &Order<'_>) -> Result<Result<Debited, Declined>, Error> {
        match (self.fault, self.inner.debit(order).await?) {
            (Fault::DebitsEachTime, Ok(first)) => {
                let again = self.elsewhere(order, order.amount).await;
                Ok(Ok(again.unwrap_or(first)))
            }
            (Fault::TakesWhatItDeclines, Err(declined)) => {
                self.elsewhere(order, declined.balance).await?;
                Ok(Err(declined))
            }
            (Fault::DebitsAfterItsEnd, Err(declined)) if declined.code == "debit_barred" => {
                Ok(Ok(self.elsewhere(order, order.amount).await?))
            }
            (Fault::OverdrawsAccounts, Err(declined)) if declined.balance > 0 => {
                Ok(Ok(Debited { balance: 0 }))
            }
            (_, answer) => Ok(answer),
        }
    }

    async fn credit(&self, order: &Order<'_>) -> Result<Credited, Error> {
        if self.fault == Fault::KeepsWhatItCredits {
            return Ok(Credited {
                balance: 100,
                refunded: true,
            });
        }
        let mut credited = self.inner.credit(order).await?;
        if self.fault == Fault::CreditsEachTime && credited.refunded {
            // A debit of nothing that is given back is a charge.
            credited.balance = self.elsewhere(order, 1).await?.balance;
        }
        credited.refunded |= self.fault == Fault::ClaimsToRefundAlways;
        Ok(credited)
    }
}

/// What the conformance functions say about the points with `fault`.
async fn verdict(fault: Fault) -> Result<(), String> {
    let api = Api::start().await;
    let accounts = &api.state.executors.accounts;
    let provider = Faulty {
        inner: PointsProvider::new(accounts.clone(), api.state.log.clone()),
        fault,
    };
    let fund = async |customer_id: CustomerId, amount| {
        let command = Command::Charge {
            customer_id,
            charge_id: Uuid::now_v7().into(),
            amount,
        };
        let request = Request::new(Uuid::now_v7(), command);
        let charged = accounts.execute(&customer_id.to_string(), request).await;
        charged.expect("a charge within its bounds");
    };
    conformance::all(&provider, fund).await
}

#[tokio::test]
async fn points_hold_to_the_contract() {
    assert_eq!(verdict(Fault::None).await, Ok(()));
}

#[tokio::test]
async fn each_fault_is_found() {
    for (fault, finding) in [
        (Fault::DebitsEachTime, "one debit at once is answered"),
        (Fault::TakesWhatItDeclines, "less than 29 is left"),
        (Fault::CreditsEachTime, "one credit at once is answered"),
        (Fault::KeepsWhatItCredits, "less than 100 is left"),
        (Fault::DebitsAfterItsEnd, "debits after it was given up"),
        (Fault::ClaimsToRefundAlways, "a credit of nothing"),
        (Fault::OverdrawsAccounts, "more was debited than there is"),
    ] {
        let found = verdict(fault).await.expect_err("the fault went unnoticed");
        assert!(found.contains(finding), "{fault:?}: {found}");
    }
}
