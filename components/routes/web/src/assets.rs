//! The files of the page. Written by `npm run build` in `page`.

use crate::asset::Asset;

pub(crate) const PAGE: Asset = Asset {
    name: "index-7dee95d9853894a7.html",
    content_type: "text/html; charset=utf-8",
    tag: "7dee95d9853894a7",
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
        name: "chunk-IDWNOOEX.js",
        content_type: "text/javascript; charset=utf-8",
        tag: "819dadf88561780e",
        plain: include_bytes!("../assets/chunk.js"),
        gzip: Some(include_bytes!("../assets/chunk.js.gz")),
    },
    Asset {
        name: "chunk-LQRJOOJD.js",
        content_type: "text/javascript; charset=utf-8",
        tag: "90c906d2ed0a36e6",
        plain: include_bytes!("../assets/chunk-2.js"),
        gzip: Some(include_bytes!("../assets/chunk-2.js.gz")),
    },
    Asset {
        name: "chunk-SQE76S5B.js",
        content_type: "text/javascript; charset=utf-8",
        tag: "11247d28c5c2fb3d",
        plain: include_bytes!("../assets/chunk-3.js"),
        gzip: Some(include_bytes!("../assets/chunk-3.js.gz")),
    },
    Asset {
        name: "chunk-SUEXIAVC.js",
        content_type: "text/javascript; charset=utf-8",
        tag: "374879fa78e887b0",
        plain: include_bytes!("../assets/chunk-4.js"),
        gzip: Some(include_bytes!("../assets/chunk-4.js.gz")),
    },
    Asset {
        name: "client-66QLDFF7.js",
        content_type: "text/javascript; charset=utf-8",
        tag: "f06f5ca861ed4952",
        plain: include_bytes!("../assets/client.js"),
        gzip: Some(include_bytes!("../assets/client.js.gz")),
    },
    Asset {
        name: "de-IJ34XSMY.js",
        content_type: "text/javascript; charset=utf-8",
        tag: "9adabc1b6f3e3450",
        plain: include_bytes!("../assets/de.js"),
        gzip: Some(include_bytes!("../assets/de.js.gz")),
    },
    Asset {
        name: "es-EKKEGGQT.js",
        content_type: "text/javascript; charset=utf-8",
        tag: "5e6bde13e4569734",
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
        name: "page-OTGH3VHE.js",
        content_type: "text/javascript; charset=utf-8",
        tag: "4ff4e20011554ce1",
        plain: include_bytes!("../assets/page.js"),
        gzip: Some(include_bytes!("../assets/page.js.gz")),
    },
    Asset {
        name: "team-MCMDQSVD.js",
        content_type: "text/javascript; charset=utf-8",
        tag: "58b6535403772c6c",
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
