//! The connection file: what Jupyter tells a kernel at its start. Read once; it opens no sockets.

use std::path::Path;

use serde::Deserialize;

use crate::error::{Error, Result};

/// How clients reach the kernel. What else the file holds (registration, encryption keys) is passed over.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct ConnectionInfo {
    /// `tcp` or `ipc`.
    #[serde(default = "tcp")]
    pub transport: String,
    /// An address, or for `ipc` the beginning of a path.
    pub ip: String,
    /// Requests.
    pub shell_port: u16,
    /// Requests that are served at once.
    pub control_port: u16,
    /// Questions to the user.
    pub stdin_port: u16,
    /// What cells do.
    pub iopub_port: u16,
    /// Heartbeats.
    pub hb_port: u16,
    /// The key of signatures; empty where nothing is signed.
    #[serde(default)]
    pub key: String,
    /// Which signatures.
    #[serde(default = "hmac_sha256")]
    pub signature_scheme: String,
    /// The kernelspec that the kernel was started by.
    #[serde(default)]
    pub kernel_name: String,
}

fn tcp() -> String {
    "tcp".to_owned()
}

fn hmac_sha256() -> String {
    "hmac-sha256".to_owned()
}

impl ConnectionInfo {
    /// Reads the file.
    ///
    /// # Errors
    /// When it cannot be read, is no connection file, or asks for what the kernel does not know.
    pub fn read(path: &Path) -> Result<ConnectionInfo> {
        let text = fs_err::read_to_string(path)?;
        let info: ConnectionInfo = serde_json::from_str(&text).map_err(|error| Error::ConnectionFile {
            path: path.to_owned(),
            problem: error.to_string(),
        })?;
        let problem = if !matches!(info.transport.as_str(), "tcp" | "ipc") {
            format!("the transport {:?} is neither tcp nor ipc", info.transport)
        } else if info.signature_scheme != "hmac-sha256" {
            format!(
                "the signature scheme {:?} is not hmac-sha256",
                info.signature_scheme
            )
        } else {
            return Ok(info);
        };
        Err(Error::ConnectionFile {
            path: path.to_owned(),
            problem,
        })
    }

    /// All five.
    pub fn ports(&self) -> [u16; 5] {
        [
            self.shell_port,
            self.control_port,
            self.stdin_port,
            self.iopub_port,
            self.hb_port,
        ]
    }

    /// The address of a port, as ZeroMQ writes it.
    pub fn endpoint(&self, port: u16) -> String {
        let ConnectionInfo { transport, ip, .. } = self;
        match transport.as_str() {
            "ipc" => format!("ipc://{ip}-{port}"),
            // An IPv6 address has colons of its own.
            _ if ip.contains(':') && !ip.starts_with('[') => format!("{transport}://[{ip}]:{port}"),
            _ => format!("{transport}://{ip}:{port}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn info(text: &str) -> Result<ConnectionInfo> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("kernel.json");
        std::fs::write(&path, text).unwrap();
        ConnectionInfo::read(&path)
    }

    const PORTS: &str =
        r#""shell_port": 1, "control_port": 2, "stdin_port": 3, "iopub_port": 4, "hb_port": 5"#;

    #[test]
    fn what_is_not_known_is_passed_over() {
        let read = info(&format!(
            r#"{{{PORTS}, "ip": "127.0.0.1", "transport": "tcp", "key": "k", "curve_publickey": "x"}}"#
        ))
        .unwrap();
        assert_eq!(read.endpoint(read.iopub_port), "tcp://127.0.0.1:4");
        assert_eq!(read.signature_scheme, "hmac-sha256");
    }

    #[test]
    fn addresses_of_all_kinds() {
        let ipc = info(&format!(
            r#"{{{PORTS}, "ip": "/run/user/kernel", "transport": "ipc"}}"#
        ))
        .unwrap();
        assert_eq!(ipc.endpoint(ipc.shell_port), "ipc:///run/user/kernel-1");
        let six = info(&format!(r#"{{{PORTS}, "ip": "::1"}}"#)).unwrap();
        assert_eq!(six.endpoint(six.shell_port), "tcp://[::1]:1");
    }

    #[test]
    fn a_file_that_is_none_says_what_is_missing() {
        let error = info(r#"{"ip": "127.0.0.1"}"#).unwrap_err().to_string();
        assert!(
            error.contains("shell_port") && error.contains("kernel.json"),
            "{error}"
        );
        let scheme = info(&format!(
            r#"{{{PORTS}, "ip": "::1", "signature_scheme": "hmac-md5"}}"#
        ));
        assert!(scheme.unwrap_err().to_string().contains("hmac-md5"));
    }
}
