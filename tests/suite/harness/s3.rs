//! A local S3-compatible server (moto), and AWS's client for it (boto3).

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::Stdio;

use serde_json::Value;
use tokio::sync::OnceCell;
use uuid::Uuid;

use super::{ChangedManifest, Scripts};

/// The server of all tests. It ends when this process does, since its input ends then.
struct Server {
    _child: std::process::Child,
    endpoint: String,
    scripts: Scripts,
}

/// A bucket of its own on that server.
pub(crate) struct Bucket {
    server: &'static Server,
    name: String,
    manifest: ChangedManifest,
}

/// The objects in a bucket.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Listed {
    /// Keys of objects.
    pub(crate) objects: Vec<String>,
    /// Keys of uploads in parts that are not complete.
    pub(crate) uploads: Vec<String>,
}

/// An object as AWS's client reads it.
#[derive(Debug)]
pub(crate) struct Object {
    pub(crate) media_type: String,
    pub(crate) metadata: Value,
    pub(crate) content: Vec<u8>,
}

async fn server() -> Result<&'static Server, String> {
    static SERVER: OnceCell<Result<Server, String>> = OnceCell::const_new();
    let started = SERVER.get_or_init(|| async {
        let scripts = Scripts::python("s3", (3, 10)).await?;
        let mut command = scripts.command("server.py");
        command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null());
        let mut child = command.spawn().unwrap();
        let mut output = BufReader::new(child.stdout.take().unwrap());
        let mut port = String::new();
        output.read_line(&mut port).unwrap();
        let port: u16 = port.trim().parse().expect("the port of the S3 server");
        Ok(Server {
            _child: child,
            endpoint: format!("http://127.0.0.1:{port}"),
            scripts,
        })
    });
    started.await.as_ref().map_err(Clone::clone)
}

impl Bucket {
    /// A new bucket. The error names a program that is not installed.
    pub(crate) async fn create() -> Result<Self, String> {
        let bucket = Self {
            server: server().await?,
            name: format!("goldfish-{}", Uuid::new_v4().simple()),
            manifest: ChangedManifest::with_capability("files", "files-s3"),
        };
        bucket.run(&["create"]).await;
        Ok(bucket)
    }

    /// A manifest whose files are stored in S3.
    pub(crate) fn manifest(&self) -> &Path {
        self.manifest.path()
    }

    pub(crate) fn endpoint(&self) -> &str {
        &self.server.endpoint
    }

    /// The variables that lead there.
    pub(crate) fn variables(&self) -> [(&'static str, String); 5] {
        [
            ("s3_endpoint", self.server.endpoint.clone()),
            ("s3_region", "us-east-1".to_owned()),
            ("s3_bucket", self.name.clone()),
            ("s3_access_key_id", "key-id".to_owned()),
            ("s3_secret_access_key", "key-secret".to_owned()),
        ]
    }

    pub(crate) async fn list(&self) -> Listed {
        let listed = self.run(&["list"]).await;
        let objects = listed["objects"].as_object().unwrap();
        let uploads = listed["uploads"].as_array().unwrap();
        Listed {
            objects: objects.keys().cloned().collect(),
            uploads: uploads
                .iter()
                .map(|key| key.as_str().unwrap().to_owned())
                .collect(),
        }
    }

    pub(crate) async fn get(&self, key: &str) -> Object {
        let object = self.run(&["get", key]).await;
        Object {
            media_type: object["type"].as_str().unwrap().to_owned(),
            content: from_hex(object["content"].as_str().unwrap()),
            metadata: object["metadata"].clone(),
        }
    }

    /// Begins a multipart upload that is not completed.
    pub(crate) async fn begin_upload(&self, key: &str) {
        self.run(&["begin", key]).await;
    }

    async fn run(&self, arguments: &[&str]) -> Value {
        let all = [&[self.server.endpoint.as_str(), &self.name], arguments].concat();
        self.server.scripts.run("bucket.py", &all).await
    }
}

fn from_hex(text: &str) -> Vec<u8> {
    let digits: Vec<u32> = text.chars().map(|c| c.to_digit(16).unwrap()).collect();
    let bytes = digits.chunks(2).map(|pair| pair[0] * 16 + pair[1]);
    bytes.map(|byte| u8::try_from(byte).unwrap()).collect()
}
