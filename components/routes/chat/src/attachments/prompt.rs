//! Attachments as parts of a prompt.

use completion::{check_texts, filter_texts};
use contracts::{
    conversations::types::{Attachment, Message},
    llm::types::{Image, Model, Part, TextPart},
};
use http_edge::ApiError;

use super::content::{Budget, Content, Fault, FileText};

/// The attachments of the message that is answered, read and moderated.
#[derive(Default)]
pub(crate) struct Answered {
    /// As they are stored.
    pub(crate) attachments: Vec<Attachment>,
    /// As the model receives them.
    pub(crate) parts: Vec<Part>,
}

impl Answered {
    /// Reads the attachments. `paths` has the part of the request for each attachment of a new message; it is
    /// empty for those of a message that was stored before, of which files may be gone.
    ///
    /// # Errors
    /// 400 for what the model cannot receive, `CONTENT_BLOCKED`, 503.
    pub(crate) async fn read(
        user: &str,
        model: &Model,
        mut attachments: Vec<Attachment>,
        paths: &[String],
        budget: &mut Budget,
    ) -> Result<Self, ApiError> {
        let mut contents = Vec::new();
        for (at, attachment) in attachments.iter().enumerate() {
            let path = paths.get(at);
            let content = match budget.read(user, attachment).await {
                Err(Fault::Gone) if path.is_some() => {
                    return Err(ApiError::NotFound(error_mapping::FILE));
                }
                Err(fault) => {
                    let is_final = path.is_some() || concerns_model(&fault);
                    let path = path
                        .cloned()
                        .unwrap_or_else(|| format!("attachments[{at}]"));
                    if is_final {
                        return Err(refusal(path, &attachment.media_type, model, fault));
                    }
                    Err(fault)
                }
                content => content,
            };
            contents.push(content);
        }
        moderate(&mut attachments, &mut contents).await?;
        let parts = attachments.iter().zip(contents);
        let parts = parts.map(|(attachment, content)| part(attachment, content, budget));
        Ok(Self {
            parts: parts.collect(),
            attachments,
        })
    }
}

/// Names and texts, as messages are moderated.
async fn moderate(
    attachments: &mut [Attachment],
    contents: &mut [Result<Content, Fault>],
) -> Result<(), ApiError> {
    let mut texts = Vec::new();
    for (at, (attachment, content)) in attachments.iter_mut().zip(contents).enumerate() {
        texts.push((format!("attachments[{at}].name"), &mut attachment.name));
        if let Ok(Content::Text(file)) = content {
            texts.push((format!("attachments[{at}]"), &mut file.text));
        }
    }
    if texts.is_empty() {
        return Ok(());
    }
    check_texts(texts).await
}

/// The attachments of an earlier message. Never fails because of a file: a note is in its place.
///
/// # Errors
/// Of moderation.
pub(crate) async fn earlier(
    user: &str,
    message: &Message,
    budget: &mut Budget,
) -> Result<Vec<Part>, ApiError> {
    let mut parts = Vec::new();
    for attachment in &message.attachments {
        let content = match budget.read_earlier(user, attachment).await {
            Ok(Content::Text(file)) => {
                let text = filter_texts(vec![file.text]).await?.pop().flatten();
                let cut = file.cut;
                let text = text.map(|text| Content::Text(FileText { text, cut }));
                text.ok_or_else(|| Fault::Unreadable("was blocked".to_owned()))
            }
            content => content,
        };
        parts.push(part(attachment, content, budget));
    }
    Ok(parts)
}

/// Whether the file is there, but nothing that this model takes: another model may.
fn concerns_model(fault: &Fault) -> bool {
    match fault {
        Fault::NoImages | Fault::Unsupported => true,
        Fault::Gone | Fault::Unreadable(_) | Fault::NoRoom | Fault::Unavailable(_) => false,
    }
}

fn refusal(path: String, media_type: &str, model: &Model, fault: Fault) -> ApiError {
    let model_id = &model.id;
    let taken = if model.images {
        "images (PNG, JPEG, GIF, WebP), text files and PDF documents"
    } else {
        "text files and PDF documents, and no images"
    };
    let takes = format!("is {media_type}; the model {model_id} takes {taken}");
    match fault {
        Fault::NoImages | Fault::Unsupported => ApiError::invalid(path, takes),
        Fault::Unreadable(why) => ApiError::invalid(path, why),
        Fault::NoRoom => ApiError::invalid(path, "is too large: images may have 10 MiB together"),
        Fault::Gone => ApiError::NotFound(error_mapping::FILE),
        Fault::Unavailable(cause) => ApiError::storage_unavailable(cause),
    }
}

fn part(attachment: &Attachment, content: Result<Content, Fault>, budget: &mut Budget) -> Part {
    if let Err(Fault::Unavailable(cause)) = &content {
        budget.warnings.push(format!("attachment: {cause}"));
    }
    match content {
        Ok(Content::Image(url)) => Part::Image(Image {
            url,
            detail: None,
            extra: None,
        }),
        Ok(Content::Text(file)) => text_part(text(attachment, &file)),
        Err(fault) => text_part(note(&attachment.media_type, &fault)),
    }
}

fn text_part(text: String) -> Part {
    Part::Text(TextPart { text, extra: None })
}

/// The text of a file, marked as such.
fn text(attachment: &Attachment, file: &FileText) -> String {
    let name = attachment.name.replace(['"', '<', '>'], "'");
    let media_type = &attachment.media_type;
    let text = &file.text;
    let cut = file
        .cut
        .as_ref()
        .map(|cut| format!("\n[This is only a part of the file: {cut}.]"));
    let cut = cut.unwrap_or_default();
    format!("<file name=\"{name}\" type=\"{media_type}\">\n{text}{cut}\n</file>")
}

/// What the model is told in place of a file.
fn note(media_type: &str, fault: &Fault) -> String {
    let why = match fault {
        Fault::Gone => "it was deleted",
        Fault::NoImages => "this model takes no images",
        Fault::Unsupported | Fault::Unreadable(_) | Fault::Unavailable(_) => "it cannot be read",
        Fault::NoRoom => "the files of this conversation are too large together",
    };
    format!("[A file of type {media_type} that was attached here is left out: {why}.]")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn attachment(name: &str) -> Attachment {
        Attachment {
            id: "i".to_owned(),
            name: name.to_owned(),
            media_type: "text/plain".to_owned(),
            size: 1,
        }
    }

    #[test]
    fn text_is_marked_with_its_name_and_type() {
        let whole = FileText {
            text: "one\ntwo".to_owned(),
            cut: None,
        };
        assert_eq!(
            text(&attachment("a\"> <b.txt"), &whole),
            "<file name=\"a'' 'b.txt\" type=\"text/plain\">\none\ntwo\n</file>"
        );
        let part = FileText {
            cut: Some("the first 100 of 120 pages".to_owned()),
            ..whole
        };
        assert_eq!(
            text(&attachment("b"), &part),
            "<file name=\"b\" type=\"text/plain\">\none\ntwo\n\
             [This is only a part of the file: the first 100 of 120 pages.]\n</file>"
        );
    }

    #[test]
    fn note_has_the_type_and_not_the_name() {
        assert_eq!(
            note("image/png", &Fault::Gone),
            "[A file of type image/png that was attached here is left out: it was deleted.]"
        );
    }
}
