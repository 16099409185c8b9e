//! The program in either mode, with managers that can be killed.

use std::{
    net::SocketAddr,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use edge::auth::{Principal, Role, SIGNING_KEY_FILE, Signer};
use event_store::{Clock, SystemClock};
use frontrow::driver::address;
use servers::{Cluster, Layout};
use tokio::sync::watch;
use uuid::Uuid;

use crate::{
    harness::{DataFolder, assert_clean},
    operation::{Served, sqlite},
};

/// The two processes that look after drops.
const MANAGERS: [&str; 2] = ["process-managers-1", "process-managers-2"];
/// Of the key store's tables, to have every drop's secret be this one. A secret that is there already is the one that is used; whoever may
/// write into the key store beforehand has always been able to know it.
const SQLITE: &str = "CREATE TRIGGER fixed BEFORE INSERT ON secrets \
    WHEN NEW.name LIKE 'drop/%' AND NEW.bytes <> unhex_secret BEGIN INSERT INTO secrets VALUES (NEW.name, unhex_secret); END";
const POSTGRES: &str = "CREATE FUNCTION fixed() RETURNS trigger LANGUAGE plpgsql AS $$ \
    BEGIN NEW.bytes := unhex_secret; RETURN NEW; END $$; \
    CREATE TRIGGER fixed BEFORE INSERT ON secrets FOR EACH ROW WHEN (NEW.name LIKE 'drop/%') EXECUTE FUNCTION fixed()";

/// The secret of every drop of these tests, in hexadecimal.
pub(super) fn secret() -> String {
    "07".repeat(32)
}

pub(super) enum Stage {
    Embedded(Embedded),
    Distributed(Box<Distributed>),
}

/// The one process.
pub(super) struct Embedded {
    data: DataFolder,
    served: Mutex<Option<Served>>,
    signer: Signer,
    address: watch::Sender<Option<SocketAddr>>,
}

/// The roles in processes of their own.
pub(super) struct Distributed {
    cluster: Cluster,
    signer: Signer,
    address: watch::Sender<Option<SocketAddr>>,
}

impl Stage {
    pub(super) fn embedded() -> Self {
        let data = DataFolder::new();
        let served = Served::start(&data.0);
        Self::Embedded(Embedded {
            signer: Signer::read(&data.0.join(SIGNING_KEY_FILE)).unwrap(),
            address: watch::Sender::new(Some(address(&served.base).unwrap())),
            served: Mutex::new(Some(served)),
            data,
        })
    }

    pub(super) async fn distributed(test: &str) -> Option<Self> {
        let program = env!("CARGO_BIN_EXE_frontrow").as_ref();
        let layout = Layout {
            test,
            program,
            proxy: true,
        };
        let cluster = Cluster::start(layout).await?;
        let command = address(&cluster.command_url()).unwrap();
        Some(Self::Distributed(Box::new(Distributed {
            signer: Signer::read(&cluster.key()).unwrap(),
            address: watch::Sender::new(Some(command)),
            cluster,
        })))
    }

    /// From here on the secret of every drop is [`secret`].
    pub(super) async fn fix_secret(&self) {
        let hex = secret();
        match self {
            Self::Embedded(one) => {
                let sql = SQLITE.replace("unhex_secret", &format!("x'{hex}'"));
                sqlite(&one.data.0.join("keys.db"), &sql);
            }
            Self::Distributed(many) => {
                let sql = POSTGRES.replace("unhex_secret", &format!("decode('{hex}', 'hex')"));
                many.cluster.tamper_with_keys(&sql).await;
            }
        }
    }

    pub(super) fn token(&self, role: Role, id: Uuid) -> String {
        let signer = match self {
            Self::Embedded(one) => &one.signer,
            Self::Distributed(many) => &many.signer,
        };
        let principal = Principal { id, role };
        signer.issue(principal, SystemClock.now(), Duration::from_hours(1))
    }

    /// Where entries go; `None` while nobody takes them.
    pub(super) fn address(&self) -> watch::Receiver<Option<SocketAddr>> {
        match self {
            Self::Embedded(one) => one.address.subscribe(),
            Self::Distributed(many) => many.address.subscribe(),
        }
    }

    pub(super) fn command_url(&self) -> String {
        match self {
            Self::Embedded(one) => one.url(),
            Self::Distributed(many) => many.cluster.command_url(),
        }
    }

    pub(super) fn query_url(&self) -> String {
        match self {
            Self::Embedded(one) => one.url(),
            Self::Distributed(many) => many.cluster.query_url(),
        }
    }

    /// The cluster, where there is one.
    pub(super) fn cluster(&self) -> Option<&Cluster> {
        match self {
            Self::Embedded(_) => None,
            Self::Distributed(many) => Some(&many.cluster),
        }
    }

    /// `kill -9` of every process that has the role.
    pub(super) fn kill_managers(&self) {
        match self {
            Self::Embedded(one) => one.kill(),
            Self::Distributed(many) => {
                for member in MANAGERS {
                    many.cluster.kill(member);
                }
            }
        }
    }

    pub(super) async fn start_managers(&self) {
        match self {
            Self::Embedded(one) => one.start(),
            Self::Distributed(many) => {
                for member in MANAGERS {
                    many.cluster.start_again(member).await;
                }
            }
        }
    }

    /// A number from the ledger of notifications; the table is called `notifications` in `sql`.
    pub(super) async fn count_told(&self, sql: &str) -> usize {
        match self {
            Self::Embedded(one) => sqlite(&one.data.0.join("log.db"), sql).parse().unwrap(),
            Self::Distributed(many) => {
                let sql = sql.replace("notifications", "notifications.notifications");
                usize::try_from(many.cluster.count_in_log(&sql).await).unwrap()
            }
        }
    }

    /// Checks the log and all that is made of it from outside.
    pub(super) async fn check(self) {
        match self {
            Self::Embedded(one) => {
                let served = one.lock().take();
                served.unwrap().stop();
                assert_clean(&one.data);
            }
            Self::Distributed(many) => many.cluster.check().await,
        }
    }
}

impl Embedded {
    fn lock(&self) -> std::sync::MutexGuard<'_, Option<Served>> {
        self.served.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn url(&self) -> String {
        self.lock().as_ref().unwrap().base.clone()
    }

    fn kill(&self) {
        self.address.send_replace(None);
        // Dropped, it is killed.
        *self.lock() = None;
    }

    fn start(&self) {
        let served = Served::start(&self.data.0);
        let there = address(&served.base).unwrap();
        *self.lock() = Some(served);
        self.address.send_replace(Some(there));
    }
}
