//! Forms with files, and small images.

/// A `multipart/form-data` body.
pub(crate) struct Form {
    boundary: String,
    body: Vec<u8>,
}

impl Form {
    pub(crate) fn new() -> Self {
        Self::with_boundary("----boundary-of-the-tests")
    }

    pub(crate) fn with_boundary(boundary: &str) -> Self {
        Self {
            boundary: boundary.to_owned(),
            body: Vec::new(),
        }
    }

    /// Adds a file.
    pub(crate) fn file(self, field: &str, name: &str, kind: Option<&str>, content: &[u8]) -> Self {
        let disposition = format!("form-data; name=\"{field}\"; filename=\"{name}\"");
        let kind = kind.map_or_else(String::new, |kind| format!("Content-Type: {kind}\r\n"));
        self.part(
            &format!("Content-Disposition: {disposition}\r\n{kind}"),
            content,
        )
    }

    /// Adds a part with these header fields.
    pub(crate) fn part(mut self, headers: &str, content: &[u8]) -> Self {
        let head = format!("--{}\r\n{headers}\r\n", self.boundary);
        self.body.extend(head.into_bytes());
        self.body.extend(content);
        self.body.extend(b"\r\n");
        self
    }

    pub(crate) fn content_type(&self) -> String {
        format!("multipart/form-data; boundary={}", self.boundary)
    }

    pub(crate) fn body(&self) -> Vec<u8> {
        let mut body = self.body.clone();
        body.extend(format!("--{}--\r\n", self.boundary).into_bytes());
        body
    }

    /// Without its end.
    pub(crate) fn open_body(&self) -> Vec<u8> {
        self.body.clone()
    }
}

/// A PNG image of one pixel, with a text in it and something after its end.
pub(crate) fn png() -> Vec<u8> {
    [png_of(1, 1), b"<script>alert(1)</script>".to_vec()].concat()
}

/// A PNG image that says that it has so many pixels.
pub(crate) fn png_of(width: u32, height: u32) -> Vec<u8> {
    let mut image = b"\x89PNG\r\n\x1a\n".to_vec();
    let size = [width.to_be_bytes(), height.to_be_bytes()].concat();
    for (kind, data) in [
        (b"IHDR", [&size[..], &[8, 0, 0, 0, 0]].concat()),
        (b"tEXt", b"Comment\0SECRET".to_vec()),
        (b"IDAT", b"\x78\x9c\x63\x60\0\0\0\x02\0\x01".to_vec()),
        (b"IEND", Vec::new()),
    ] {
        image.extend(u32::try_from(data.len()).unwrap().to_be_bytes());
        image.extend(kind);
        image.extend(data);
        image.extend(b"sum!");
    }
    image
}

/// A JPEG image with EXIF and GPS in it.
pub(crate) fn jpeg() -> Vec<u8> {
    let mut image = b"\xff\xd8".to_vec();
    for (code, payload) in [
        (0xe1, &b"Exif\0\0MM\0*\0\0\0\x08\0\0\0\0\0\0GPS SECRET"[..]),
        (0xfe, b"SECRET"),
        (0xc0, b"\x08\0\x01\0\x01\x01\x01\x11\0"),
        (0xda, b"\x01\x01\0\0\x3f\0"),
    ] {
        image.extend([0xff, code]);
        image.extend((u16::try_from(payload.len()).unwrap() + 2).to_be_bytes());
        image.extend(payload);
    }
    image.extend(b"picture\xff\xd9");
    image
}
