//! A file of the page, as it was built.

use http_edge::Response;

/// A file with what is said of it.
pub(crate) struct Asset {
    /// In its URL, with a hash of the content.
    pub(crate) name: &'static str,
    pub(crate) content_type: &'static str,
    /// A hash of the content.
    pub(crate) tag: &'static str,
    pub(crate) plain: &'static [u8],
    /// None where it would save nothing.
    pub(crate) gzip: Option<&'static [u8]>,
}

impl Asset {
    /// 200 with the file.
    pub(crate) fn reply(&self, takes_gzip: bool) -> Response {
        match self.gzip.filter(|_| takes_gzip) {
            Some(gzip) => {
                Response::bytes(self.content_type, gzip.to_vec()).header("content-encoding", "gzip")
            }
            None => Response::bytes(self.content_type, self.plain.to_vec()),
        }
    }
}
