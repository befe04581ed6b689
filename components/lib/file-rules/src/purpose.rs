//! What a file is for.

/// Images that every browser shows.
const IMAGES: &[&str] = &["image/jpeg", "image/png", "image/gif", "image/webp"];

const MIB: u64 = 1024 * 1024;

/// What a file is for. Decides which media types and sizes are accepted, and who may read the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// A file of the user, for example for a chat.
    File,
    /// The picture of a profile.
    Avatar,
    /// The wide picture of a profile.
    Banner,
    /// The picture of a channel.
    ChannelIcon,
    /// The wide picture of a channel.
    ChannelBanner,
    /// An image in a message of a channel.
    MessageImage,
    /// Another file in a message of a channel.
    MessageAttachment,
}

impl Purpose {
    /// All purposes.
    pub const ALL: [Self; 7] = [
        Self::File,
        Self::Avatar,
        Self::Banner,
        Self::ChannelIcon,
        Self::ChannelBanner,
        Self::MessageImage,
        Self::MessageAttachment,
    ];

    /// The name, as it is stored.
    pub fn name(self) -> &'static str {
        match self {
            Self::File => "file",
            Self::Avatar => "avatar",
            Self::Banner => "banner",
            Self::ChannelIcon => "channel-icon",
            Self::ChannelBanner => "channel-banner",
            Self::MessageImage => "message-image",
            Self::MessageAttachment => "message-attachment",
        }
    }

    /// The purpose of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|one| one.name() == name)
    }

    /// Most bytes of a file, besides the limit of all files.
    pub fn max_bytes(self) -> u64 {
        match self {
            Self::Avatar | Self::ChannelIcon => 2 * MIB,
            Self::Banner | Self::ChannelBanner => 5 * MIB,
            Self::File | Self::MessageImage | Self::MessageAttachment => u64::MAX,
        }
    }

    /// Most pixels of an image. Whoever shows an image needs four bytes for each.
    pub fn max_pixels(self) -> u64 {
        match self {
            Self::Avatar | Self::ChannelIcon | Self::Banner | Self::ChannelBanner => 32_000_000,
            Self::File | Self::MessageImage | Self::MessageAttachment => 128_000_000,
        }
    }

    /// The media types that are accepted; empty for any.
    pub fn media_types(self) -> &'static [&'static str] {
        match self {
            Self::File | Self::MessageAttachment => &[],
            _ => IMAGES,
        }
    }

    /// Whether a file of this media type is accepted.
    pub fn accepts(self, media_type: &str) -> bool {
        let accepted = self.media_types();
        accepted.is_empty() || accepted.contains(&media_type)
    }

    /// Whether users other than the owner may read such files.
    pub fn is_shared(self) -> bool {
        self != Self::File
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn from_name_of_each_name_is_its_purpose() {
        for purpose in Purpose::ALL {
            assert_eq!(Purpose::from_name(purpose.name()), Some(purpose));
        }
        assert_eq!(Purpose::from_name("other"), None);
    }

    #[test]
    fn accepts_of_pictures_is_images_only() {
        assert!(Purpose::Avatar.accepts("image/png"));
        assert!(!Purpose::Avatar.accepts("image/svg+xml"));
        assert!(!Purpose::MessageImage.accepts("application/pdf"));
        assert!(Purpose::File.accepts("application/x-anything"));
    }
}
