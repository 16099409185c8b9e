//! The scripts, and how they are called: by their digest, so that their text is sent once to a server.

use std::sync::LazyLock;

use chrono::{DateTime, Utc};
use domain::ids::ShowId;
use redis::{RedisError, Script};

use super::{connection::Live, micros, replies::Reply, text};

/// What a script is given beside the keys, the run id and the time.
pub(super) type Arguments = Vec<String>;

macro_rules! scripts {
    ($($call:ident = $file:literal;)*) => {
        /// A script.
        #[derive(Debug, Clone, Copy)]
        pub(super) enum Call {
            $(#[doc = concat!("`", $file, "`")] $call,)*
        }

        impl Call {
            fn script(self) -> &'static Script {
                match self {
                    $(Self::$call => {
                        static SCRIPT: LazyLock<Script> = LazyLock::new(|| {
                            Script::new(concat!(
                                include_str!("../lua/prelude.lua"),
                                include_str!(concat!("../lua/", $file)),
                            ))
                        });
                        &SCRIPT
                    })*
                }
            }
        }
    };
}

scripts! {
    Open = "open.lua";
    Grant = "grant.lua";
    Enter = "enter.lua";
    Restore = "restore.lua";
    Look = "look.lua";
    Release = "release.lua";
    Depth = "depth.lua";
    Publish = "publish.lua";
    CloseLobby = "close_lobby.lua";
    Lobby = "lobby.lua";
    Draw = "draw.lua";
    Next = "next.lua";
    Admit = "admit.lua";
    Sweep = "sweep.lua";
    Close = "close.lua";
}

/// What every script finds in `KEYS`, in this order.
const KEYS: [&str; 6] = ["room", "entries", "queue", "lobby", "seen", "active"];

/// Calls a script on the keys of a show.
pub(super) async fn run(
    live: &Live,
    call: Call,
    show: ShowId,
    now: Option<DateTime<Utc>>,
    arguments: Arguments,
) -> Result<Reply, RedisError> {
    let script = call.script();
    let mut invocation = script.prepare_invoke();
    for key in KEYS {
        // The braces are the hash tag.
        invocation.key(format!("frontrow:waiting_room:{{{}}}:{key}", text(show.0)));
    }
    invocation.arg(&live.run);
    invocation.arg(now.map_or_else(|| "0".to_owned(), micros));
    for argument in arguments {
        invocation.arg(argument);
    }
    let mut connection = live.connection.clone();
    let words: Vec<String> = invocation.invoke_async(&mut connection).await?;
    Ok(Reply(words))
}
