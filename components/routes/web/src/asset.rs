//! One built file of the page.

use http_edge::Response;

/// A file with its metadata.
pub(crate) struct Asset {
    /// The last part of its URL, with a hash of the content.
    pub(crate) name: &'static str,
    pub(crate) content_type: &'static str,
    /// The entity tag: a hash of the content.
    pub(crate) tag: &'static str,
    pub(crate) plain: &'static [u8],
    /// None if compression saves nothing.
    pub(crate) gzip: Option<&'static [u8]>,
}

impl Asset {
    /// 200 with the file.
    pub(crate) fn response(&self, accepts_gzip: bool) -> Response {
        match self.gzip.filter(|_| accepts_gzip) {
            Some(gzip) => {
                Response::bytes(self.content_type, gzip.to_vec()).header("content-encoding", "gzip")
            }
            None => Response::bytes(self.content_type, self.plain.to_vec()),
        }
    }
}
