//! The files of the page. Written by `npm run build` in `page`.

use crate::asset::Asset;

pub(crate) const PAGE: Asset = Asset {
    name: "index-5ca406046babd309.html",
    content_type: "text/html; charset=utf-8",
    tag: "5ca406046babd309",
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
        name: "chunk-3N4VMSSR.js",
        content_type: "text/javascript; charset=utf-8",
        tag: "6756b3c4c32b63a2",
        plain: include_bytes!("../assets/chunk.js"),
        gzip: Some(include_bytes!("../assets/chunk.js.gz")),
    },
    Asset {
        name: "chunk-7YXZ6CVB.js",
        content_type: "text/javascript; charset=utf-8",
        tag: "bb677e296ba499df",
        plain: include_bytes!("../assets/chunk-2.js"),
        gzip: Some(include_bytes!("../assets/chunk-2.js.gz")),
    },
    Asset {
        name: "chunk-MZR56ONW.js",
        content_type: "text/javascript; charset=utf-8",
        tag: "e2d3fb992472eaad",
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
        name: "client-NM2NVAGW.js",
        content_type: "text/javascript; charset=utf-8",
        tag: "d124237e51b0ba86",
        plain: include_bytes!("../assets/client.js"),
        gzip: Some(include_bytes!("../assets/client.js.gz")),
    },
    Asset {
        name: "de-YRUIBZE7.js",
        content_type: "text/javascript; charset=utf-8",
        tag: "a77b23580cd4c228",
        plain: include_bytes!("../assets/de.js"),
        gzip: Some(include_bytes!("../assets/de.js.gz")),
    },
    Asset {
        name: "es-AFX773OW.js",
        content_type: "text/javascript; charset=utf-8",
        tag: "31bf6ccdc9443903",
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
        name: "page-D2GX3PQC.js",
        content_type: "text/javascript; charset=utf-8",
        tag: "b581a9e7611d476c",
        plain: include_bytes!("../assets/page.js"),
        gzip: Some(include_bytes!("../assets/page.js.gz")),
    },
    Asset {
        name: "team-SIYN6EFT.js",
        content_type: "text/javascript; charset=utf-8",
        tag: "4a901971d2804149",
        plain: include_bytes!("../assets/team.js"),
        gzip: Some(include_bytes!("../assets/team.js.gz")),
    },
    Asset {
        name: "page-dd78dab815e93c35.css",
        content_type: "text/css; charset=utf-8",
        tag: "dd78dab815e93c35",
        plain: include_bytes!("../assets/page.css"),
        gzip: Some(include_bytes!("../assets/page.css.gz")),
    },
];
