//! The files of the page. Written by `npm run build` in `page`.

use crate::asset::Asset;

pub(crate) const PAGE: Asset = Asset {
    name: "index-7199a612c66fb9ac.html",
    content_type: "text/html; charset=utf-8",
    tag: "7199a612c66fb9ac",
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

pub(crate) const FILES: [Asset; 12] = [
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
        name: "chunk-PY4PA2XD.js",
        content_type: "text/javascript; charset=utf-8",
        tag: "9e9bef6f93f7e671",
        plain: include_bytes!("../assets/chunk.js"),
        gzip: Some(include_bytes!("../assets/chunk.js.gz")),
    },
    Asset {
        name: "chunk-SQE76S5B.js",
        content_type: "text/javascript; charset=utf-8",
        tag: "11247d28c5c2fb3d",
        plain: include_bytes!("../assets/chunk-2.js"),
        gzip: Some(include_bytes!("../assets/chunk-2.js.gz")),
    },
    Asset {
        name: "de-R7OHN4PP.js",
        content_type: "text/javascript; charset=utf-8",
        tag: "41fd1699ac399881",
        plain: include_bytes!("../assets/de.js"),
        gzip: Some(include_bytes!("../assets/de.js.gz")),
    },
    Asset {
        name: "es-HLLAE3OG.js",
        content_type: "text/javascript; charset=utf-8",
        tag: "2f3fbf6b1b8a6b7f",
        plain: include_bytes!("../assets/es.js"),
        gzip: Some(include_bytes!("../assets/es.js.gz")),
    },
    Asset {
        name: "highlighter-BJKCEJTN.js",
        content_type: "text/javascript; charset=utf-8",
        tag: "a050a48ec77ac68b",
        plain: include_bytes!("../assets/highlighter.js"),
        gzip: Some(include_bytes!("../assets/highlighter.js.gz")),
    },
    Asset {
        name: "katex-2GHEBTCQ.js",
        content_type: "text/javascript; charset=utf-8",
        tag: "1c623364d7943dab",
        plain: include_bytes!("../assets/katex.js"),
        gzip: Some(include_bytes!("../assets/katex.js.gz")),
    },
    Asset {
        name: "page-EMELV3S3.js",
        content_type: "text/javascript; charset=utf-8",
        tag: "1837832ae091a453",
        plain: include_bytes!("../assets/page.js"),
        gzip: Some(include_bytes!("../assets/page.js.gz")),
    },
    Asset {
        name: "team-3DRG5KYC.js",
        content_type: "text/javascript; charset=utf-8",
        tag: "89ff02750e5b71ab",
        plain: include_bytes!("../assets/team.js"),
        gzip: Some(include_bytes!("../assets/team.js.gz")),
    },
    Asset {
        name: "page-7a8c694940afb36a.css",
        content_type: "text/css; charset=utf-8",
        tag: "7a8c694940afb36a",
        plain: include_bytes!("../assets/page.css"),
        gzip: Some(include_bytes!("../assets/page.css.gz")),
    },
];
