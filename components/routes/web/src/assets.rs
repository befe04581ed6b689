//! The files of the page. Written by `npm run build` in `page`.

use crate::asset::Asset;

pub(crate) const PAGE: Asset = Asset {
    name: "index-3c5e60d6b15236f3.html",
    content_type: "text/html; charset=utf-8",
    tag: "3c5e60d6b15236f3",
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

pub(crate) const FILES: [Asset; 5] = [
    Asset {
        name: "text-9adbeac5b167fe5a.woff2",
        content_type: "font/woff2",
        tag: "9adbeac5b167fe5a",
        plain: include_bytes!("../assets/text.woff2"),
        gzip: None,
    },
    Asset {
        name: "licences-fe3411c45e1c2878.txt",
        content_type: "text/plain; charset=utf-8",
        tag: "fe3411c45e1c2878",
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
        name: "page-fb34f16dbc778f83.js",
        content_type: "text/javascript; charset=utf-8",
        tag: "fb34f16dbc778f83",
        plain: include_bytes!("../assets/page.js"),
        gzip: Some(include_bytes!("../assets/page.js.gz")),
    },
    Asset {
        name: "page-60a58495178b1a7d.css",
        content_type: "text/css; charset=utf-8",
        tag: "60a58495178b1a7d",
        plain: include_bytes!("../assets/page.css"),
        gzip: Some(include_bytes!("../assets/page.css.gz")),
    },
];
