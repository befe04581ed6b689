//! The files of the page. Written by `npm run build` in `page`.

use crate::asset::Asset;

pub(crate) const PAGE: Asset = Asset {
    name: "index-1f3f89b2d89477f2.html",
    content_type: "text/html; charset=utf-8",
    tag: "1f3f89b2d89477f2",
    plain: include_bytes!("../assets/index.html"),
    gzip: Some(include_bytes!("../assets/index.html.gz")),
};

pub(crate) const ICON: Asset = Asset {
    name: "favicon-ee217ccc18ce4bb2.svg",
    content_type: "image/svg+xml",
    tag: "ee217ccc18ce4bb2",
    plain: include_bytes!("../assets/favicon.svg"),
    gzip: Some(include_bytes!("../assets/favicon.svg.gz")),
};

pub(crate) const FILES: [Asset; 8] = [
    Asset {
        name: "text-9adbeac5b167fe5a.woff2",
        content_type: "font/woff2",
        tag: "9adbeac5b167fe5a",
        plain: include_bytes!("../assets/text.woff2"),
        gzip: None,
    },
    Asset {
        name: "licences-ae5aeebb1553b06f.txt",
        content_type: "text/plain; charset=utf-8",
        tag: "ae5aeebb1553b06f",
        plain: include_bytes!("../assets/licences.txt"),
        gzip: Some(include_bytes!("../assets/licences.txt.gz")),
    },
    Asset {
        name: "first-e2a2a5ce82cf9ea5.js",
        content_type: "text/javascript; charset=utf-8",
        tag: "e2a2a5ce82cf9ea5",
        plain: include_bytes!("../assets/first.js"),
        gzip: None,
    },
    Asset {
        name: "es-d803ea9eae25b127.js",
        content_type: "text/javascript; charset=utf-8",
        tag: "d803ea9eae25b127",
        plain: include_bytes!("../assets/es.js"),
        gzip: Some(include_bytes!("../assets/es.js.gz")),
    },
    Asset {
        name: "de-37c893034d583e16.js",
        content_type: "text/javascript; charset=utf-8",
        tag: "37c893034d583e16",
        plain: include_bytes!("../assets/de.js"),
        gzip: Some(include_bytes!("../assets/de.js.gz")),
    },
    Asset {
        name: "katex-d827ddcf9595caa1.js",
        content_type: "text/javascript; charset=utf-8",
        tag: "d827ddcf9595caa1",
        plain: include_bytes!("../assets/katex.js"),
        gzip: Some(include_bytes!("../assets/katex.js.gz")),
    },
    Asset {
        name: "page-293a296ee0c2e541.js",
        content_type: "text/javascript; charset=utf-8",
        tag: "293a296ee0c2e541",
        plain: include_bytes!("../assets/page.js"),
        gzip: Some(include_bytes!("../assets/page.js.gz")),
    },
    Asset {
        name: "page-4dcfa8a3bcc2ff09.css",
        content_type: "text/css; charset=utf-8",
        tag: "4dcfa8a3bcc2ff09",
        plain: include_bytes!("../assets/page.css"),
        gzip: Some(include_bytes!("../assets/page.css.gz")),
    },
];
