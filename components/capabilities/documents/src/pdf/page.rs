//! What the operators of a page show (ISO 32000-2, sections 8.4, 8.10 and 9.4).

use std::collections::HashMap;
use std::rc::Rc;

use super::document::{Document, Page};
use super::fonts::Font;
use super::fuel::Fault;
use super::layout::Layout;
use super::lexer::is_space;
use super::matrix::Matrix;
use super::object::{Dict, Item, Object, Parser};

/// Most bytes of a page's operators, and of those of a form.
const CONTENT_MAX: usize = 16 * 1024 * 1024;
/// Most operands of an operator.
const OPERANDS_MAX: usize = 64;
/// Most saved states.
const STATES_MAX: usize = 128;
/// Deepest nesting of forms.
const FORMS_MAX: u32 = 6;
/// What finding a form or a font costs.
const OBJECT_WORK: usize = 1_000;
/// Most fonts that are kept of a page.
const FONTS_MAX: usize = 128;

/// Shows a page.
///
/// # Errors
/// [`Fault::TooComplex`]; what is damaged is left out.
pub(super) fn show(document: &Document<'_>, page: &Page, layout: &mut Layout) -> Result<(), Fault> {
    let contents = document.get(&page.dict, "Contents")?;
    let streams = match contents {
        Object::Array(streams) => streams,
        one => vec![one],
    };
    let mut content = Vec::new();
    for stream in streams {
        let stream = document.resolve(&stream)?;
        let room = CONTENT_MAX.saturating_sub(content.len());
        match document.content(&stream, room) {
            Ok(part) => content.extend(part),
            Err(Fault::Malformed) => {}
            Err(fault) => return Err(fault),
        }
        content.push(b'\n');
    }
    let mut shower = Shower {
        document,
        layout,
        fonts: HashMap::new(),
    };
    shower.run(&content, page.resources.dict(), Matrix::IDENTITY, 0)
}

struct Shower<'d, 'a, 'l> {
    document: &'d Document<'a>,
    layout: &'l mut Layout,
    /// By the font's object.
    fonts: HashMap<u32, Rc<Font>>,
}

/// The state of graphics, as far as it matters for text.
#[derive(Clone)]
struct State {
    page: Matrix,
    font: Option<Rc<Font>>,
    size: f64,
    character_spacing: f64,
    word_spacing: f64,
    scale: f64,
    leading: f64,
    rise: f64,
}

/// Where text is shown.
#[derive(Clone, Copy)]
struct Cursor {
    text: Matrix,
    line: Matrix,
}

impl Cursor {
    const START: Self = Self {
        text: Matrix::IDENTITY,
        line: Matrix::IDENTITY,
    };

    fn set(&mut self, matrix: Matrix) {
        (self.text, self.line) = (matrix, matrix);
    }

    fn move_by(&mut self, x: f64, y: f64) {
        self.set(Matrix::translation(x, y).then(self.line));
    }
}

impl Shower<'_, '_, '_> {
    fn run(
        &mut self,
        content: &[u8],
        resources: Option<&Dict>,
        page: Matrix,
        depth: u32,
    ) -> Result<(), Fault> {
        self.document.fuel.take(content.len())?;
        let mut state = State {
            page,
            font: None,
            size: 1.0,
            character_spacing: 0.0,
            word_spacing: 0.0,
            scale: 1.0,
            leading: 0.0,
            rise: 0.0,
        };
        let mut saved: Vec<State> = Vec::new();
        let mut cursor = Cursor::START;
        let mut parser = Parser::new(content, 0);
        let mut operands: Vec<Object> = Vec::new();
        while let Some(item) = parser.next() {
            let operator = match item {
                Item::Object(object) => {
                    if operands.len() < OPERANDS_MAX {
                        operands.push(object);
                    }
                    continue;
                }
                Item::End => continue,
                Item::Keyword(operator) => operator,
            };
            if self.layout.is_full() {
                return Ok(());
            }
            let number = |at: usize| operands.get(at).and_then(Object::number).unwrap_or(0.0);
            match operator.as_slice() {
                b"q" if saved.len() < STATES_MAX => saved.push(state.clone()),
                b"Q" => state = saved.pop().unwrap_or(state),
                b"cm" => state.page = matrix(&operands).then(state.page),
                b"BT" => cursor = Cursor::START,
                b"Tf" => {
                    state.size = number(1);
                    let name = operands.first().and_then(Object::name);
                    state.font = self.font(resources, name.unwrap_or_default())?;
                }
                b"Tc" => state.character_spacing = number(0),
                b"Tw" => state.word_spacing = number(0),
                b"Tz" => state.scale = number(0) / 100.0,
                b"TL" => state.leading = number(0),
                b"Ts" => state.rise = number(0),
                b"Tm" => cursor.set(matrix(&operands)),
                b"Td" => cursor.move_by(number(0), number(1)),
                b"TD" => {
                    state.leading = -number(1);
                    cursor.move_by(number(0), number(1));
                }
                b"T*" => cursor.move_by(0.0, -state.leading),
                b"Tj" => self.show_object(&state, &mut cursor, operands.first())?,
                b"TJ" => {
                    for part in operands.first().and_then(Object::array).unwrap_or_default() {
                        self.show_object(&state, &mut cursor, Some(part))?;
                    }
                }
                b"'" => {
                    cursor.move_by(0.0, -state.leading);
                    self.show_object(&state, &mut cursor, operands.first())?;
                }
                b"\"" => {
                    (state.word_spacing, state.character_spacing) = (number(0), number(1));
                    cursor.move_by(0.0, -state.leading);
                    self.show_object(&state, &mut cursor, operands.get(2))?;
                }
                b"Do" if depth < FORMS_MAX => {
                    let name = operands.first().and_then(Object::name).unwrap_or_default();
                    self.show_form(resources, name, state.page, depth)?;
                }
                b"ID" => parser.lexer.at = end_of_image(content, parser.lexer.at),
                _ => {}
            }
            operands.clear();
        }
        Ok(())
    }

    /// A string, or a number that moves what follows it.
    fn show_object(
        &mut self,
        state: &State,
        cursor: &mut Cursor,
        object: Option<&Object>,
    ) -> Result<(), Fault> {
        match object {
            Some(Object::String(string)) => self.show_string(state, cursor, string),
            Some(Object::Number(number)) => {
                let x = -number / 1000.0 * state.size * state.scale;
                cursor.text = Matrix::translation(x, 0.0).then(cursor.text);
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn show_string(
        &mut self,
        state: &State,
        cursor: &mut Cursor,
        string: &[u8],
    ) -> Result<(), Fault> {
        let Some(font) = &state.font else {
            return Ok(());
        };
        // Characters cost more than the bytes of operators.
        self.document.fuel.take(string.len().saturating_mul(16))?;
        for shown in font.show(string) {
            let size = Matrix::new([
                state.size * state.scale,
                0.0,
                0.0,
                state.size,
                0.0,
                state.rise,
            ]);
            let start = size.then(cursor.text).then(state.page);
            self.layout.add(&shown.text, start, shown.width);
            let spacing = if shown.is_space {
                state.word_spacing
            } else {
                0.0
            };
            let advance = shown.width * state.size + state.character_spacing + spacing;
            let step = Matrix::translation(advance * state.scale, 0.0);
            cursor.text = step.then(cursor.text);
        }
        Ok(())
    }

    fn font(&mut self, resources: Option<&Dict>, name: &[u8]) -> Result<Option<Rc<Font>>, Fault> {
        let Some(resources) = resources else {
            return Ok(None);
        };
        self.document.fuel.take(OBJECT_WORK)?;
        let fonts = self.document.get(resources, "Font")?;
        let entry = fonts.dict().and_then(|fonts| fonts.get_bytes(name));
        let number = match entry {
            Some(Object::Reference(number)) => Some(*number),
            _ => None,
        };
        if let Some(known) = number.and_then(|number| self.fonts.get(&number)) {
            return Ok(Some(known.clone()));
        }
        let found = self.document.resolve(entry.unwrap_or(&Object::Null))?;
        let font = match found.dict() {
            Some(dict) => Font::read(self.document, dict)?,
            None => Font::unknown(),
        };
        let font = Rc::new(font);
        if let Some(number) = number {
            if self.fonts.len() >= FONTS_MAX {
                self.fonts.clear();
            }
            self.fonts.insert(number, font.clone());
        }
        Ok(Some(font))
    }

    /// A form: operators of their own. Images are passed over.
    fn show_form(
        &mut self,
        resources: Option<&Dict>,
        name: &[u8],
        page: Matrix,
        depth: u32,
    ) -> Result<(), Fault> {
        let Some(resources) = resources else {
            return Ok(());
        };
        self.document.fuel.take(OBJECT_WORK)?;
        let objects = self.document.get(resources, "XObject")?;
        let entry = objects.dict().and_then(|objects| objects.get_bytes(name));
        let form = self.document.resolve(entry.unwrap_or(&Object::Null))?;
        let Some(dict) = form.dict().filter(|dict| dict.is("Subtype", "Form")) else {
            return Ok(());
        };
        let content = match self.document.content(&form, CONTENT_MAX) {
            Err(Fault::Malformed) => return Ok(()),
            content => content?,
        };
        let placed = match self.document.get(dict, "Matrix")? {
            Object::Array(values) => matrix(&values).then(page),
            _ => page,
        };
        let own = self.document.get(dict, "Resources")?;
        self.run(&content, own.dict().or(Some(resources)), placed, depth + 1)
    }
}

fn matrix(values: &[Object]) -> Matrix {
    let mut numbers = [0.0; 6];
    for (number, value) in numbers.iter_mut().zip(values) {
        *number = value.number().unwrap_or(0.0);
    }
    Matrix::new(numbers)
}

/// After the image whose data begins at `at`: it ends with `EI` between white space.
fn end_of_image(content: &[u8], at: usize) -> usize {
    let rest = content.get(at..).unwrap_or_default();
    let is_end = |window: &[u8]| match window {
        [before, b'E', b'I', after] => is_space(*before) && is_space(*after),
        _ => false,
    };
    let end = rest.windows(4).position(is_end);
    end.map_or(content.len(), |end| at + end + 3)
}
