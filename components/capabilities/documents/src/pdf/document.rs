//! Where the objects of a file are, and its pages.
//!
//! Tables of cross references are not read: objects are found by their own beginnings (`12 0 obj`), so that a
//! damaged table, or one that lies, does not matter. The last object of a number in the file counts.

use std::collections::{HashMap, HashSet};
use std::rc::Rc;

use super::filters;
use super::fuel::{Fault, Fuel};
use super::lexer::is_space;
use super::object::{Dict, Object, Parser};

/// Most objects.
const OBJECTS_MAX: usize = 300_000;
/// Most bytes of all object streams together.
const OBJECT_STREAMS_MAX: usize = 32 * 1024 * 1024;
/// Most pages that are counted.
const PAGES_MAX: usize = 20_000;
/// Deepest tree of pages, and longest chain of references.
const DEPTH_MAX: usize = 48;

/// Where an object is.
#[derive(Clone, Copy)]
enum Place {
    /// At a byte of the file.
    File(usize),
    /// At a byte of an object stream.
    Stream { stream: usize, at: usize },
}

/// A PDF file.
pub(super) struct Document<'a> {
    data: &'a [u8],
    places: HashMap<u32, Place>,
    object_streams: Vec<Vec<u8>>,
    root: Object,
    /// Objects that say that they are pages.
    stray_pages: Vec<u32>,
    pub(super) fuel: Fuel,
}

/// A page.
pub(super) struct Page {
    pub(super) dict: Dict,
    /// Its own, or those of the pages above it.
    pub(super) resources: Rc<Object>,
}

impl<'a> Document<'a> {
    pub(super) fn open(data: &'a [u8]) -> Result<Self, Fault> {
        let fuel = Fuel::new();
        fuel.take(data.len())?;
        let mut document = Self {
            data,
            places: HashMap::new(),
            object_streams: Vec::new(),
            root: Object::Null,
            stray_pages: Vec::new(),
            fuel,
        };
        let found = beginnings(data);
        if found.len() > OBJECTS_MAX {
            return Err(Fault::TooComplex);
        }
        let places = found.iter().map(|(number, at)| (*number, Place::File(*at)));
        document.places = places.collect();
        document.read_trailers()?;
        document.read_beginnings(&found)?;
        Ok(document)
    }

    /// `trailer << /Root 1 0 R >>`
    fn read_trailers(&mut self) -> Result<(), Fault> {
        for at in positions(self.data, b"trailer") {
            let mut parser = Parser::new(self.data, at + b"trailer".len());
            let trailer = parser.object();
            self.fuel.take(parser.lexer.at.saturating_sub(at))?;
            if let Some(Object::Dict(trailer)) = trailer {
                self.take_trailer(&trailer)?;
            }
        }
        Ok(())
    }

    fn take_trailer(&mut self, trailer: &Dict) -> Result<(), Fault> {
        if *trailer.get("Encrypt") != Object::Null {
            return Err(Fault::Encrypted);
        }
        if let root @ Object::Reference(_) = trailer.get("Root") {
            self.root = root.clone();
        }
        Ok(())
    }

    /// Looks at every object once: for object streams, trailers in streams, and pages.
    fn read_beginnings(&mut self, found: &[(u32, usize)]) -> Result<(), Fault> {
        let mut in_streams = HashMap::new();
        for (number, at) in found {
            let is_current =
                matches!(self.places.get(number), Some(Place::File(last)) if last == at);
            if !is_current {
                continue;
            }
            let object = self.at(*at)?;
            let Some(dict) = object.dict() else { continue };
            if dict.is("Type", "Page") {
                self.stray_pages.push(*number);
            }
            let Object::Stream(dict, _) = &object else {
                continue;
            };
            if dict.is("Type", "XRef") {
                let dict = dict.clone();
                self.take_trailer(&dict)?;
            } else if dict.is("Type", "ObjStm") {
                self.read_object_stream(&object, *at, &mut in_streams)?;
            }
        }
        // What is later in the file counts.
        for (number, (container, place)) in in_streams {
            let is_older =
                matches!(self.places.get(&number), Some(Place::File(at)) if *at > container);
            if !is_older {
                self.places.insert(number, place);
            }
        }
        Ok(())
    }

    fn read_object_stream(
        &mut self,
        object: &Object,
        container: usize,
        places: &mut HashMap<u32, (usize, Place)>,
    ) -> Result<(), Fault> {
        let used: usize = self.object_streams.iter().map(Vec::len).sum();
        let room = OBJECT_STREAMS_MAX.saturating_sub(used);
        let content = match self.content(object, room) {
            Err(Fault::Malformed) => return Ok(()),
            content => content?,
        };
        let Some(dict) = object.dict() else {
            return Ok(());
        };
        let first = self.resolve(dict.get("First"))?.index().unwrap_or(0);
        let count = self.resolve(dict.get("N"))?.index().unwrap_or(0);
        let stream = self.object_streams.len();
        let mut parser = Parser::new(&content, 0);
        for _ in 0..count {
            let (Some(number), Some(offset)) = (parser.object(), parser.object()) else {
                break;
            };
            let number = number.index().and_then(|number| u32::try_from(number).ok());
            let (Some(number), Some(offset)) = (number, offset.index()) else {
                break;
            };
            let at = first.saturating_add(offset);
            places.insert(number, (container, Place::Stream { stream, at }));
            if places.len() > OBJECTS_MAX {
                return Err(Fault::TooComplex);
            }
        }
        self.object_streams.push(content);
        Ok(())
    }

    /// The object at a byte of the file.
    fn at(&self, at: usize) -> Result<Object, Fault> {
        let mut parser = Parser::new(self.data, at);
        let object = parser.object().unwrap_or_default();
        let end = parser.lexer.at;
        self.fuel.take(end.saturating_sub(at).saturating_add(16))?;
        let Object::Dict(dict) = object else {
            return Ok(object);
        };
        parser.lexer.skip_space();
        let keyword = parser.lexer.at;
        if !self
            .data
            .get(keyword..)
            .unwrap_or_default()
            .starts_with(b"stream")
        {
            return Ok(Object::Dict(dict));
        }
        let start = self.after_line(keyword + b"stream".len());
        // A length that is in another object is not looked up here, since that object may be a stream, too.
        let length = dict.get("Length").index();
        let end = length.map(|length| start.saturating_add(length));
        let end = match end.filter(|end| self.is_end_of_stream(*end)) {
            Some(end) => end,
            None => {
                let rest = self.data.get(start..).unwrap_or_default();
                let length = find(rest, b"endstream").unwrap_or(rest.len());
                self.fuel.take(length)?;
                start.saturating_add(length)
            }
        };
        Ok(Object::Stream(dict, start..end))
    }

    /// After the line break that may be there.
    fn after_line(&self, at: usize) -> usize {
        match (self.data.get(at), self.data.get(at + 1)) {
            (Some(b'\r'), Some(b'\n')) => at + 2,
            (Some(b'\r' | b'\n'), _) => at + 1,
            _ => at,
        }
    }

    fn is_end_of_stream(&self, at: usize) -> bool {
        let rest = self.data.get(at..).unwrap_or_default();
        let blank = rest
            .iter()
            .take(4)
            .take_while(|byte| is_space(**byte))
            .count();
        rest.get(blank..)
            .unwrap_or_default()
            .starts_with(b"endstream")
    }

    /// The object itself, or the one that it refers to; null if there is none.
    pub(super) fn resolve(&self, object: &Object) -> Result<Object, Fault> {
        let mut current = object.clone();
        for _ in 0..DEPTH_MAX {
            let Object::Reference(number) = current else {
                return Ok(current);
            };
            current = match self.places.get(&number) {
                None => Object::Null,
                Some(Place::File(at)) => self.at(*at)?,
                Some(Place::Stream { stream, at }) => {
                    let content = self.object_streams.get(*stream);
                    let mut parser = Parser::new(content.map_or(&[][..], Vec::as_slice), *at);
                    let object = parser.object().unwrap_or_default();
                    let length = parser.lexer.at.saturating_sub(*at);
                    self.fuel.take(length.saturating_add(16))?;
                    object
                }
            };
        }
        Ok(Object::Null)
    }

    /// The value of a dictionary.
    pub(super) fn get(&self, dict: &Dict, key: &str) -> Result<Object, Fault> {
        self.resolve(dict.get(key))
    }

    /// The decoded content of a stream: at most `max` bytes.
    pub(super) fn content(&self, stream: &Object, max: usize) -> Result<Vec<u8>, Fault> {
        let Object::Stream(dict, range) = stream else {
            return Err(Fault::Malformed);
        };
        let data = self.data.get(range.clone()).unwrap_or_default();
        let either = |long: &str, short: &str| match self.get(dict, long)? {
            Object::Null => self.get(dict, short),
            found => Ok(found),
        };
        let list = |object: Object| match object {
            Object::Array(items) => items,
            Object::Null => Vec::new(),
            one => vec![one],
        };
        let names = list(either("Filter", "F")?);
        let mut parameters = list(either("DecodeParms", "DP")?).into_iter();
        let mut filters = Vec::new();
        for name in names {
            let parameter = self.resolve(&parameters.next().unwrap_or_default())?;
            let name = self.resolve(&name)?;
            let name = name.name().ok_or(Fault::Malformed)?.to_vec();
            filters.push((name, parameter.dict().cloned().unwrap_or_default()));
        }
        filters::decode(data, &filters, max, &self.fuel)
    }

    /// The pages in their order.
    ///
    /// # Errors
    /// [`Fault::Malformed`] if there is none.
    pub(super) fn pages(&self) -> Result<Vec<Page>, Fault> {
        let mut pages = Vec::new();
        let root = self.resolve(&self.root)?;
        if let Some(root) = root.dict() {
            let none = Rc::new(Object::Null);
            let mut seen = HashSet::new();
            self.add_pages(root.get("Pages"), &none, &mut seen, 0, &mut pages)?;
        }
        if pages.is_empty() {
            for number in &self.stray_pages {
                let page = self.resolve(&Object::Reference(*number))?;
                if let Some(dict) = page.dict()
                    && pages.len() < PAGES_MAX
                {
                    let resources = Rc::new(self.get(dict, "Resources")?);
                    let dict = dict.clone();
                    pages.push(Page { dict, resources });
                }
            }
        }
        if pages.is_empty() {
            return Err(Fault::Malformed);
        }
        Ok(pages)
    }

    fn add_pages(
        &self,
        node: &Object,
        inherited: &Rc<Object>,
        seen: &mut HashSet<u32>,
        depth: usize,
        pages: &mut Vec<Page>,
    ) -> Result<(), Fault> {
        let is_known = matches!(node, Object::Reference(number) if !seen.insert(*number));
        if is_known || depth > DEPTH_MAX || pages.len() >= PAGES_MAX {
            return Ok(());
        }
        let node = self.resolve(node)?;
        let Some(dict) = node.dict() else {
            return Ok(());
        };
        let resources = match dict.get("Resources") {
            Object::Null => inherited.clone(),
            own => Rc::new(self.resolve(own)?),
        };
        match self.get(dict, "Kids")?.array() {
            Some(kids) if !dict.is("Type", "Page") => {
                for kid in kids {
                    self.add_pages(kid, &resources, seen, depth + 1, pages)?;
                }
            }
            _ => pages.push(Page {
                dict: dict.clone(),
                resources,
            }),
        }
        Ok(())
    }
}

/// The numbers of the objects that begin in the file (`12 0 obj`), and the bytes after that, in order.
fn beginnings(data: &[u8]) -> Vec<(u32, usize)> {
    let mut found = Vec::new();
    for at in positions(data, b"obj") {
        let before = data.get(..at).unwrap_or_default();
        let number = whole_number_at_end(before)
            .and_then(|(_, before)| whole_number_at_end(before))
            .and_then(|(number, _)| u32::try_from(number).ok());
        if let Some(number) = number {
            found.push((number, at + b"obj".len()));
            if found.len() > OBJECTS_MAX {
                break;
            }
        }
    }
    found
}

/// The number that ends the bytes, before white space; and the bytes before it.
fn whole_number_at_end(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let blank = bytes
        .iter()
        .rev()
        .take(64)
        .take_while(|byte| is_space(**byte))
        .count();
    let bytes = bytes.get(..bytes.len().checked_sub(blank)?)?;
    let digits = bytes
        .iter()
        .rev()
        .take(12)
        .take_while(|byte| byte.is_ascii_digit())
        .count();
    let (before, number) = bytes.split_at_checked(bytes.len().checked_sub(digits)?)?;
    let number = std::str::from_utf8(number).ok()?.parse().ok()?;
    Some((number, before))
}

/// Where `needle` occurs.
fn positions<'a>(data: &'a [u8], needle: &'a [u8]) -> impl Iterator<Item = usize> + 'a {
    let mut from = 0_usize;
    std::iter::from_fn(move || {
        let at = find(data.get(from..)?, needle)? + from;
        from = at + needle.len();
        Some(at)
    })
}

/// Where `needle` first occurs.
pub(super) fn find(data: &[u8], needle: &[u8]) -> Option<usize> {
    let (first, _) = needle.split_first()?;
    let mut from = 0_usize;
    loop {
        let rest = data.get(from..)?;
        let at = from + rest.iter().position(|byte| byte == first)?;
        if data.get(at..)?.starts_with(needle) {
            return Some(at);
        }
        from = at + 1;
    }
}
