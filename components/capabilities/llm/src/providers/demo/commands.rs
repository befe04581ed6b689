//! Messages that begin with `/demo` and select the kind of the reply, so that a frontend can be tried with
//! each kind of content without a key. Pure.

use crate::bindings::{Delta, Error, ReasoningDelta, ReasoningField};
use std::time::Duration;

/// Between two deltas of a reply.
pub(crate) const INTERVAL: Duration = Duration::from_millis(4);
const SLOW_INTERVAL: Duration = Duration::from_millis(500);

/// Paragraphs of `/demo long`.
const PARAGRAPHS: usize = 150;

const HELP: &str = "[demo] These messages show what a reply can be like:

- `/demo markdown`: headings, lists, a table, code, a quotation, links
- `/demo code`: a program
- `/demo math`: formulas
- `/demo rtl`: languages that are written from right to left
- `/demo html`: HTML, which has to be shown as text
- `/demo reasoning`: a reply that the model thinks about first
- `/demo long`: 150 paragraphs
- `/demo slow`: two words a second
- `/demo error`: a reply that breaks off
- `/demo fail`: no reply at all";

const MARKDOWN: &str = "[demo]

# A heading

Some **bold**, *emphasised* and ~~deleted~~ words, `code`, and a [link](https://spinframework.dev).

## Lists

1. One
2. Two
   - a part of two
   - another part

- [x] done
- [ ] to do

> A quotation
> of two lines

| fish | bowl | price |
|---|:-:|--:|
| goldfish | round | 5.00 |
| koi | none | 120.00 |

```python
def greet(name: str) -> str:
    return f\"Hello {name}\"  # a comment
```

A sentence with a footnote.[^1] H<sub>2</sub>O, x<sup>2</sup>, <kbd>Ctrl</kbd>.

---

![An image](https://example.com/fish.png)

[^1]: The note.";

const CODE: &str = "[demo] The numbers of Fibonacci:

```rust
/// The numbers of Fibonacci below `limit`.
fn fibonacci(limit: u64) -> impl Iterator<Item = u64> {
    let mut next = (0, 1);
    std::iter::from_fn(move || {
        let number = next.0;
        next = (next.1, next.0 + next.1);
        (number < limit).then_some(number)
    })
}
```

```sh
cargo run -- --limit 1000
```";

const MATH: &str = r"[demo] Einstein wrote \(E = mc^2\), and the roots of $ax^2 + bx + c$ are

\[ x = \frac{-b \pm \sqrt{b^2 - 4ac}}{2a} \]

$$
\sum_{i=1}^{n} i = \frac{n(n+1)}{2}
$$

A coffee for $3 and a cake for $5 are no formula.";

const RIGHT_TO_LEFT: &str = "[demo]

مرحبا! هذه فقرة بالعربية مع كلمة English فيها.

- عنصر أول
- عنصر ثان

שלום! זו פסקה בעברית.

And a paragraph in English.";

const HTML: &str = "[demo] None of this may run or load anything:

<script>alert('script')</script>

<img src=\"https://example.com/a.png\" onerror=\"alert('image')\">

[a link](javascript:alert('link')) and <a href=\"javascript:alert(1)\">another one</a>";

const REASONING: [&str; 3] = [
    "The user wants to see reasoning. ",
    "I am a small program and cannot think, ",
    "but I can send text as the reasoning of a reply.",
];

/// The reply to a command.
pub(crate) struct Demonstration {
    pub(crate) reasoning: Vec<Delta>,
    pub(crate) text: String,
    pub(crate) interval: Duration,
    /// The reply is interrupted after its text.
    pub(crate) is_interrupted: bool,
}

/// The reply to a message, if it is a command.
///
/// # Errors
/// `failed`, for the command that requests it.
pub(crate) fn demonstration(message: &str) -> Result<Option<Demonstration>, Error> {
    let Some(command) = message.strip_prefix("/demo") else {
        return Ok(None);
    };
    if !command.is_empty() && !command.starts_with(char::is_whitespace) {
        return Ok(None);
    }
    let mut demonstration = Demonstration {
        reasoning: Vec::new(),
        text: String::new(),
        interval: INTERVAL,
        is_interrupted: false,
    };
    demonstration.text = match command.trim() {
        "markdown" => MARKDOWN.to_owned(),
        "code" => CODE.to_owned(),
        "math" => MATH.to_owned(),
        "rtl" => RIGHT_TO_LEFT.to_owned(),
        "html" => HTML.to_owned(),
        "reasoning" => {
            demonstration.reasoning = REASONING.map(reasoning).into();
            "[demo] The text above is the reasoning of this reply.".to_owned()
        }
        "long" => long(),
        "slow" => {
            demonstration.interval = SLOW_INTERVAL;
            "[demo] This reply takes its time, so that there is enough of it to stop it, to reload the page, or \
             to lose the connection and find it again."
                .to_owned()
        }
        "error" => {
            demonstration.is_interrupted = true;
            "[demo] This reply breaks off in the middle of ".to_owned()
        }
        "fail" => return Err(Error::Failed("the user asked for a failure".to_owned())),
        _ => HELP.to_owned(),
    };
    Ok(Some(demonstration))
}

fn reasoning(text: &str) -> Delta {
    Delta::Reasoning(ReasoningDelta {
        text: text.to_owned(),
        field: ReasoningField::ReasoningContent,
    })
}

fn long() -> String {
    let paragraphs = (1..=PARAGRAPHS).map(|number| {
        format!(
            "Paragraph {number} of {PARAGRAPHS}. A fish swims round and round in its bowl, and each time it comes by it \
             sees the same castle, the same plant and the same face behind the glass."
        )
    });
    let paragraphs: Vec<_> = paragraphs.collect();
    format!("[demo] {}", paragraphs.join("\n\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_have_their_own_replies() {
        let reply = |message| demonstration(message).unwrap().unwrap();
        for (command, part) in [
            ("/demo", "/demo markdown"),
            ("/demo nothing known", "/demo markdown"),
            ("/demo markdown", "| koi |"),
            ("/demo  math ", r"\frac"),
            ("/demo rtl", "שלום"),
            ("/demo html", "<script>"),
            ("/demo long", "Paragraph 150 of 150"),
        ] {
            let text = reply(command).text;
            assert!(
                text.starts_with("[demo]") && text.contains(part),
                "{command}"
            );
        }
        assert_eq!(reply("/demo reasoning").reasoning.len(), REASONING.len());
        assert!(reply("/demo slow").interval > INTERVAL);
        assert!(reply("/demo error").is_interrupted);
        assert!(demonstration("/demo fail").is_err());
    }

    #[test]
    fn other_messages_are_no_commands() {
        for message in ["", "demo", "/demonstrate", "what does /demo do?"] {
            assert!(demonstration(message).unwrap().is_none(), "{message}");
        }
    }
}
