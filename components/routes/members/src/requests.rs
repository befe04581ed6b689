//! Request bodies.

use contracts::messaging::invitations::NewInvitation;
use http_edge::ApiError;
use serde::Deserialize;
use team::RoleName;
use time::{OffsetDateTime, format_description::well_known::Rfc3339};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Join {
    pub(crate) channel_id: String,
    /// Another user, who is added by an admin.
    pub(crate) user_id: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ChangeRole {
    pub(crate) role: RoleName,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Transfer {
    pub(crate) user_id: String,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Ban {
    pub(crate) reason: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct CreateInvitation {
    /// RFC 3339.
    expires_at: Option<String>,
    max_uses: Option<u32>,
}

impl CreateInvitation {
    /// 400 if `expiresAt` is not a time.
    pub(crate) fn read(self) -> Result<NewInvitation, ApiError> {
        let invalid =
            || ApiError::invalid("expiresAt", "must be a time such as 2026-02-20T10:00:00Z");
        let expires_at = match self.expires_at {
            Some(text) => Some(milliseconds(&text).ok_or_else(invalid)?),
            None => None,
        };
        Ok(NewInvitation {
            expires_at,
            max_uses: self.max_uses,
        })
    }
}

/// Milliseconds since the epoch of an RFC 3339 time that is not before it.
fn milliseconds(text: &str) -> Option<u64> {
    let time = OffsetDateTime::parse(text, &Rfc3339).ok()?;
    u64::try_from(time.unix_timestamp_nanos() / 1_000_000).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn milliseconds_of_what_is_no_time_after_the_epoch_is_none() {
        assert_eq!(milliseconds("1970-01-01T00:00:01.5Z"), Some(1_500));
        assert_eq!(
            milliseconds("2026-02-20T12:00:00+02:00"),
            Some(1_771_581_600_000)
        );
        for bad in [
            "",
            "tomorrow",
            "2026-02-20",
            "1969-12-31T23:59:59Z",
            "2026-02-30T10:00:00Z",
        ] {
            assert_eq!(milliseconds(bad), None, "{bad}");
        }
    }
}
