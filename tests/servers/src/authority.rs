//! A certificate authority of a test's own, and a server that it vouches for.

use std::{
    path::PathBuf,
    process::{Command, Stdio},
};

use crate::{home::Home, notes};

const PROGRAM: &str = "openssl";
/// What the certificates say.
const CONFIG: &str = "[req]\ndistinguished_name = name\nprompt = no\n[name]\nCN = Frontrow tests\n\
    [authority]\nbasicConstraints = critical, CA:TRUE\nkeyUsage = critical, keyCertSign\n\
    [server]\nbasicConstraints = critical, CA:FALSE\nextendedKeyUsage = serverAuth\nsubjectAltName = DNS:localhost, IP:127.0.0.1\n";
/// Of each key.
const CURVE: [&str; 5] = [
    "-newkey",
    "ec",
    "-pkeyopt",
    "ec_paramgen_curve:prime256v1",
    "-nodes",
];

/// Files with an authority's certificate, and with certificate and key of a server on this machine. They go with the value.
#[derive(Debug)]
pub struct Authority {
    home: Home,
}

impl Authority {
    /// A new one. `None`, and a note that `test` was skipped, where openssl isn't installed.
    ///
    /// # Panics
    /// Where it is installed and makes none.
    pub fn new(test: &str) -> Option<Self> {
        if Command::new(PROGRAM).arg("version").output().is_err() {
            notes::skip(test, "openssl is not installed");
            return None;
        }
        let made = Self {
            home: Home::new("authority"),
        };
        let config = made.home.path().join("authority.cnf");
        std::fs::write(config, CONFIG).expect("the folder takes a file");
        let new = ["req", "-config", "authority.cnf"];
        let of_authority = "-x509 -extensions authority -days 2 -keyout ca.key -out ca.pem";
        made.run(&[&new, &CURVE[..]].concat(), of_authority);
        let of_server = "-new -keyout server.key -out server.csr";
        made.run(&[&new, &CURVE[..]].concat(), of_server);
        let signed = "-req -in server.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 \
             -extfile authority.cnf -extensions server -out server.pem";
        made.run(&["x509"], signed);
        Some(made)
    }

    fn run(&self, first: &[&str], rest: &str) {
        let mut command = Command::new(PROGRAM);
        let output = command
            .args(first)
            .args(rest.split_whitespace())
            .current_dir(self.home.path())
            .stdin(Stdio::null())
            .output()
            .expect("openssl is installed");
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "openssl {first:?} {rest}: {said}");
    }

    /// Its certificate: who trusts it trusts the server.
    pub fn certificate(&self) -> PathBuf {
        self.home.path().join("ca.pem")
    }

    /// The server's certificate, for `localhost` and `127.0.0.1`.
    pub fn server_certificate(&self) -> PathBuf {
        self.home.path().join("server.pem")
    }

    /// The server's key.
    pub fn server_key(&self) -> PathBuf {
        self.home.path().join("server.key")
    }
}
