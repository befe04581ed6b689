//! Errors in Better Auth's form, `{message, code}`, with the fields of this API's error object added.

use contracts::accounts::types::{Error, FieldError};
use http_edge::{ApiError, Context, ProtocolError};
use serde::Serialize;
use serde_json::{Map, Value};

/// Minimum length of a password, in characters.
const MIN_PASSWORD_CHARS: usize = 8;
/// Maximum length of a password, in characters.
const MAX_PASSWORD_CHARS: usize = 128;

macro_rules! codes {
    ($($name:ident = $status:literal $sentence:literal;)+) => {
        $(pub(crate) const $name: ApiError = ApiError::ProtocolError(
            ProtocolError::new($status, stringify!($name), $sentence)
        );)+
    };
}

codes! {
    ACCOUNT_NOT_FOUND = 400 "Account not found";
    CREDENTIAL_ACCOUNT_NOT_FOUND = 400 "Credential account not found";
    EMAIL_CAN_NOT_BE_UPDATED = 400 "Email can not be updated";
    EMAIL_NOT_VERIFIED = 403 "Email not verified";
    FAILED_TO_UNLINK_LAST_ACCOUNT = 400 "You can't unlink your last account";
    ID_TOKEN_NOT_SUPPORTED = 404 "id_token not supported";
    INVALID_CALLBACK_URL = 403 "Invalid callbackURL";
    INVALID_EMAIL = 400 "Invalid email";
    INVALID_EMAIL_OR_PASSWORD = 401 "Invalid email or password";
    INVALID_ERROR_CALLBACK_URL = 403 "Invalid errorCallbackURL";
    INVALID_NEW_USER_CALLBACK_URL = 403 "Invalid newUserCallbackURL";
    INVALID_ORIGIN = 403 "Invalid origin";
    INVALID_PASSWORD = 400 "Invalid password";
    INVALID_REDIRECT_URL = 403 "Invalid redirectURL";
    INVALID_TOKEN = 400 "Invalid token";
    PASSWORD_COMPROMISED = 400 "Password is too easy to guess. Choose another one.";
    PASSWORD_TOO_LONG = 400 "Password too long";
    PASSWORD_TOO_SHORT = 400 "Password too short";
    PROVIDER_NOT_FOUND = 404 "Provider not found";
    RESET_PASSWORD_DISABLED = 400 "Password reset is off. Set `mail_webhook_url`.";
    SESSION_EXPIRED = 400 "Session expired. Re-authenticate to perform this action.";
    TOKEN_EXPIRED = 400 "Token expired";
    USER_ALREADY_EXISTS_USE_ANOTHER_EMAIL = 422 "User already exists. Use another email.";
    VERIFICATION_EMAIL_NOT_ENABLED = 400 "Email verification is off. Set `mail_webhook_url`.";
}

#[derive(Serialize)]
struct BetterAuthFields<'a> {
    message: &'a str,
    code: &'a str,
}

/// The body of an error response.
pub(crate) fn render(error: &ApiError, request_id: &str) -> Vec<u8> {
    let public = error.public();
    let fields = BetterAuthFields {
        message: &public.sentence,
        code: public.code,
    };
    let own = serde_json::from_slice::<Map<String, Value>>(&error.body(request_id));
    let mut body = own.unwrap_or_default();
    if let Ok(Value::Object(fields)) = serde_json::to_value(&fields) {
        body.extend(fields);
    }
    serde_json::to_vec(&body).unwrap_or_default()
}

/// An error of `goldfish:accounts`, with Better Auth's code where it has one.
pub(crate) fn accounts(error: Error) -> ApiError {
    match error {
        Error::Invalid(errors) => invalid(errors),
        Error::WrongCredentials => INVALID_EMAIL_OR_PASSWORD,
        Error::EmailTaken => USER_ALREADY_EXISTS_USE_ANOTHER_EMAIL,
        Error::EmailNotVerified => EMAIL_NOT_VERIFIED,
        Error::TokenInvalid => INVALID_TOKEN,
        Error::TokenExpired => TOKEN_EXPIRED,
        other => error_mapping::accounts(other),
    }
}

/// The code of the first invalid field. A password is rejected as guessable; its length is checked by
/// [`require_length`].
fn invalid(errors: Vec<FieldError>) -> ApiError {
    match errors.first().map(|error| error.field.as_str()) {
        Some("email") => INVALID_EMAIL,
        Some("password" | "newPassword") => PASSWORD_COMPROMISED,
        _ => error_mapping::accounts(Error::Invalid(errors)),
    }
}

/// Protects against CSRF.
pub(crate) fn require_trusted_origin(context: &Context) -> Result<(), ApiError> {
    access::require_trusted_origin(context).map_err(|_| INVALID_ORIGIN)
}

/// Validates the length of a new password, for which Better Auth has codes of its own.
pub(crate) fn require_length(password: &str) -> Result<(), ApiError> {
    match password.chars().count() {
        ..MIN_PASSWORD_CHARS => Err(PASSWORD_TOO_SHORT),
        MIN_PASSWORD_CHARS..=MAX_PASSWORD_CHARS => Ok(()),
        _ => Err(PASSWORD_TOO_LONG),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rendered(error: &ApiError) -> Value {
        serde_json::from_slice(&render(error, "r-1")).unwrap()
    }

    #[test]
    fn render_has_fields_of_both_error_objects() {
        assert_eq!(
            rendered(&INVALID_EMAIL_OR_PASSWORD),
            serde_json::json!({
                "message": "Invalid email or password",
                "error": "Invalid email or password",
                "code": "INVALID_EMAIL_OR_PASSWORD",
                "requestId": "r-1",
            })
        );
        assert_eq!(INVALID_EMAIL_OR_PASSWORD.public().status, 401);
    }

    #[test]
    fn accounts_with_invalid_fields_has_code_of_the_first() {
        let field_error = |field: &str| FieldError {
            field: field.into(),
            message: "is bad".into(),
        };
        for (fields, code) in [
            (["email", "password"], "INVALID_EMAIL"),
            (["newPassword", "name"], "PASSWORD_COMPROMISED"),
            (["name", "image"], "VALIDATION_ERROR"),
        ] {
            let error = accounts(Error::Invalid(fields.map(field_error).into()));
            assert_eq!(rendered(&error)["code"], code);
            assert_eq!(error.public().status, 400);
        }
    }

    #[test]
    fn require_length_counts_characters() {
        assert_eq!(require_length(&"é".repeat(7)), Err(PASSWORD_TOO_SHORT));
        assert_eq!(require_length(&"é".repeat(128)), Ok(()));
        assert_eq!(require_length(&"é".repeat(129)), Err(PASSWORD_TOO_LONG));
    }
}
