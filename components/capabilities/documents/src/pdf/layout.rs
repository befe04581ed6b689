//! Text by the positions of its parts: which spaces and lines are between them.

use super::matrix::Matrix;

/// A gap of this part of the height of the text is a space.
const SPACE: f64 = 0.18;
/// A step across the line by this part of the height begins a new line.
const LINE: f64 = 0.5;
/// A larger one leaves an empty line.
const PARAGRAPH: f64 = 2.2;

/// Text of a page as it is shown.
pub(super) struct Layout {
    out: String,
    max_bytes: usize,
    last: Option<End>,
}

/// Where the last part ended.
#[derive(Clone, Copy)]
struct End {
    at: (f64, f64),
    /// Along the line, of length 1.
    direction: (f64, f64),
    height: f64,
}

impl Layout {
    /// A page without text, which takes about `max_bytes` of it.
    pub(super) fn new(max_bytes: usize) -> Self {
        Self {
            out: String::new(),
            max_bytes,
            last: None,
        }
    }

    pub(super) fn is_full(&self) -> bool {
        self.out.len() >= self.max_bytes
    }

    /// Adds a part that begins at the origin of `start`, whose unit is the font size, and is `width` units wide.
    pub(super) fn add(&mut self, text: &str, start: Matrix, width: f64) {
        if text.is_empty() || self.is_full() {
            return;
        }
        let (x, y) = start.origin();
        let ((a, b), (c, d)) = start.axes();
        let (length, height) = (a.hypot(b), c.hypot(d));
        let is_usable = [x, y, length, height].iter().all(|value| value.is_finite())
            && length > 0.0
            && height > 0.0;
        if !is_usable {
            return;
        }
        if let Some(last) = self.last {
            let (dx, dy) = (x - last.at.0, y - last.at.1);
            let (ux, uy) = last.direction;
            let along = (dx * ux + dy * uy) / last.height;
            let across = (dy * ux - dx * uy).abs() / last.height;
            if across > PARAGRAPH {
                self.break_line(2);
            } else if across > LINE || along < -1.0 {
                self.break_line(1);
            } else if along > SPACE && !self.ends_with_space() && !text.starts_with(' ') {
                self.out.push(' ');
            }
        }
        self.out.push_str(text);
        let width = width * length;
        let direction = (a / length, b / length);
        self.last = Some(End {
            at: (x + direction.0 * width, y + direction.1 * width),
            direction,
            height,
        });
    }

    fn ends_with_space(&self) -> bool {
        self.out.is_empty() || self.out.ends_with(char::is_whitespace)
    }

    fn break_line(&mut self, breaks: usize) {
        let kept = self.out.trim_end_matches(' ').len();
        self.out.truncate(kept);
        let present = self.out.len() - self.out.trim_end_matches('\n').len();
        if !self.out.is_empty() {
            self.out.extend((present..breaks).map(|_| '\n'));
        }
    }

    /// The text, without spaces at its ends and without control characters.
    pub(super) fn finish(self) -> String {
        let is_shown = |c: &char| *c == '\n' || *c == '\t' || !c.is_control();
        self.out.trim().chars().filter(is_shown).collect()
    }
}
