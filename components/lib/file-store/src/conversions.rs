//! Types of the contract and of `file-rules`.

use file_rules::{Purpose, Rejection};

use crate::bindings::exports::goldfish::files::types::{Error, Purpose as Wit};

/// The contract's type.
pub fn to_wit(purpose: Purpose) -> Wit {
    match purpose {
        Purpose::File => Wit::File,
        Purpose::Avatar => Wit::Avatar,
        Purpose::Banner => Wit::Banner,
        Purpose::ChannelIcon => Wit::ChannelIcon,
        Purpose::ChannelBanner => Wit::ChannelBanner,
        Purpose::MessageImage => Wit::MessageImage,
        Purpose::MessageAttachment => Wit::MessageAttachment,
    }
}

/// Our type.
pub fn from_wit(purpose: Wit) -> Purpose {
    match purpose {
        Wit::File => Purpose::File,
        Wit::Avatar => Purpose::Avatar,
        Wit::Banner => Purpose::Banner,
        Wit::ChannelIcon => Purpose::ChannelIcon,
        Wit::ChannelBanner => Purpose::ChannelBanner,
        Wit::MessageImage => Purpose::MessageImage,
        Wit::MessageAttachment => Purpose::MessageAttachment,
    }
}

impl From<Rejection> for Error {
    fn from(rejection: Rejection) -> Self {
        match rejection {
            Rejection::UnsupportedType(why) => Self::UnsupportedType(why),
            Rejection::TooLarge(limit) => Self::TooLarge(limit),
            Rejection::Invalid(why) => Self::Invalid(why),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn from_wit_of_to_wit_is_the_same_purpose() {
        for purpose in Purpose::ALL {
            assert_eq!(from_wit(to_wit(purpose)), purpose);
        }
    }
}
