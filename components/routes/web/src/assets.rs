//! The files of the page. Written by `npm run build` in `page`.

use crate::asset::Asset;

pub(crate) const PAGE: Asset = Asset {
    name: "index-94ce4fcc2e4ce7a8.html",
    content_type: "text/html; charset=utf-8",
    tag: "94ce4fcc2e4ce7a8",
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

pub(crate) const FILES: [Asset; 15] = [
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
        name: "chunk-5POR4NEM.js",
        content_type: "text/javascript; charset=utf-8",
        tag: "fd4593e570f01c63",
        plain: include_bytes!("../assets/chunk.js"),
        gzip: Some(include_bytes!("../assets/chunk.js.gz")),
    },
    Asset {
        name: "chunk-GNC75SPW.js",
        content_type: "text/javascript; charset=utf-8",
        tag: "5361c8590117fb4e",
        plain: include_bytes!("../assets/chunk-2.js"),
        gzip: Some(include_bytes!("../assets/chunk-2.js.gz")),
    },
    Asset {
        name: "chunk-NZITUOEU.js",
        content_type: "text/javascript; charset=utf-8",
        tag: "a07d62d629d02e95",
        plain: include_bytes!("../assets/chunk-3.js"),
        gzip: Some(include_bytes!("../assets/chunk-3.js.gz")),
    },
    Asset {
        name: "chunk-SQE76S5B.js",
        content_type: "text/javascript; charset=utf-8",
        tag: "11247d28c5c2fb3d",
        plain: include_bytes!("../assets/chunk-4.js"),
        gzip: Some(include_bytes!("../assets/chunk-4.js.gz")),
    },
    Asset {
        name: "client-5TTQCE3B.js",
        content_type: "text/javascript; charset=utf-8",
        tag: "3a77c42703be1897",
        plain: include_bytes!("../assets/client.js"),
        gzip: Some(include_bytes!("../assets/client.js.gz")),
    },
    Asset {
        name: "de-4U5ZFNZH.js",
        content_type: "text/javascript; charset=utf-8",
        tag: "e467431d491da136",
        plain: include_bytes!("../assets/de.js"),
        gzip: Some(include_bytes!("../assets/de.js.gz")),
    },
    Asset {
        name: "es-OLCU4WEK.js",
        content_type: "text/javascript; charset=utf-8",
        tag: "e6efc1d308c83d91",
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
        name: "page-AD453NUC.js",
        content_type: "text/javascript; charset=utf-8",
        tag: "3b538f2e5e4ad9b5",
        plain: include_bytes!("../assets/page.js"),
        gzip: Some(include_bytes!("../assets/page.js.gz")),
    },
    Asset {
        name: "team-POHV63GS.js",
        content_type: "text/javascript; charset=utf-8",
        tag: "cb89510b928043ee",
        plain: include_bytes!("../assets/team.js"),
        gzip: Some(include_bytes!("../assets/team.js.gz")),
    },
    Asset {
        name: "page-6cb14ed8b7bd67e3.css",
        content_type: "text/css; charset=utf-8",
        tag: "6cb14ed8b7bd67e3",
        plain: include_bytes!("../assets/page.css"),
        gzip: Some(include_bytes!("../assets/page.css.gz")),
    },
];
