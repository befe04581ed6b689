//! Documents made here, damaged ones, and hostile ones.

use miniz_oxide::deflate::compress_to_vec_zlib;
use proptest::prelude::*;

use super::{Fault, PdfText};

const MAX_CHARACTERS: u32 = 100_000;

/// A file with these objects, numbered from 1, of which the first is the catalog.
fn document(objects: &[Vec<u8>]) -> Vec<u8> {
    let mut file = b"%PDF-1.7\n".to_vec();
    for (at, object) in objects.iter().enumerate() {
        file.extend(format!("{} 0 obj\n", at + 1).bytes());
        file.extend(object);
        file.extend(b"\nendobj\n");
    }
    file.extend(b"trailer\n<< /Root 1 0 R >>\n%%EOF\n");
    file
}

fn stream(dict: &str, data: &[u8]) -> Vec<u8> {
    let mut object = format!("<< {dict} /Length {} >>\nstream\n", data.len()).into_bytes();
    object.extend(data);
    object.extend(b"\nendstream");
    object
}

/// A file of one page with that content and a font `F1` (Helvetica, `WinAnsiEncoding`).
fn page(content: &str) -> Vec<u8> {
    page_with(stream("", content.as_bytes()), &[])
}

fn page_with(content: Vec<u8>, more: &[Vec<u8>]) -> Vec<u8> {
    let mut objects = vec![
        b"<< /Type /Catalog /Pages 2 0 R >>".to_vec(),
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 /Resources << /Font << /F1 5 0 R /F2 6 0 R >> \
          /XObject << /X1 6 0 R >> >> >>"
            .to_vec(),
        b"<< /Type /Page /Parent 2 0 R /Contents 4 0 R >>".to_vec(),
        content,
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>"
            .to_vec(),
    ];
    objects.extend_from_slice(more);
    document(&objects)
}

fn read(file: &[u8]) -> Result<String, Fault> {
    let mut text = PdfText::open(file)?;
    while text.next_page(MAX_CHARACTERS)? {}
    Ok(text.text)
}

fn shown(content: &str) -> String {
    read(&page(content)).unwrap()
}

#[test]
fn next_page_of_strings_has_their_characters() {
    assert_eq!(
        shown("BT /F1 12 Tf 72 720 Td (Hello \\(fish\\) \\344) Tj ET"),
        "Hello (fish) ä"
    );
    assert_eq!(shown("BT /F1 12 Tf 72 720 Td <476f6c64> Tj ET"), "Gold");
    assert_eq!(shown("BT /F1 12 Tf (\\200 \\223x\\224) ' ET"), "€ “x”");
}

#[test]
fn next_page_decides_about_spaces_and_lines_by_positions() {
    // Numbers in arrays move by thousandths: little is kerning, much is a space.
    assert_eq!(
        shown("BT /F1 10 Tf [(Gold) 20 (fish) -600 (care)] TJ ET"),
        "Goldfish care"
    );
    assert_eq!(
        shown("BT /F1 10 Tf 12 TL (one) Tj T* (two) Tj 0 -40 Td (three) Tj ET"),
        "one\ntwo\n\nthree"
    );
    assert_eq!(
        shown("BT /F1 10 Tf 1 0 0 1 0 0 Tm (a) Tj 1 0 0 1 90 0 Tm (b) Tj ET"),
        "a b"
    );
    assert_eq!(
        shown("q 2 0 0 2 0 0 cm BT /F1 10 Tf (a) Tj ET Q BT /F1 10 Tf 0 -30 Td (b) Tj ET"),
        "a\nb"
    );
}

#[test]
fn next_page_reads_compressed_content_forms_and_inline_images() {
    let content = b"BT /F1 12 Tf (before) Tj ET BI /W 1 /H 1 ID \x00(\xff EI /X1 Do";
    let form = b"BT /F1 12 Tf 0 -20 Td (form) Tj ET";
    let file = page_with(
        stream("/Filter /FlateDecode", &compress_to_vec_zlib(content, 6)),
        &[stream(
            "/Type /XObject /Subtype /Form /Filter [/ASCIIHexDecode]",
            &hex(form),
        )],
    );
    assert_eq!(read(&file), Ok("before\nform".to_owned()));
}

fn hex(data: &[u8]) -> Vec<u8> {
    data.iter()
        .flat_map(|byte| format!("{byte:02x}").into_bytes())
        .collect()
}

#[test]
fn next_page_reads_differences_and_character_maps() {
    let simple =
        "<< /Type /Font /Subtype /Type1 /Encoding << /Differences [1 /eacute /f_i /uni20AC] >> >>";
    let content = stream("", b"BT /F2 12 Tf (\x01\x02\x03) Tj ET");
    let file = page_with(content, &[simple.into()]);
    assert_eq!(read(&file), Ok("éfi€".to_owned()));

    let composite = "<< /Type /Font /Subtype /Type0 /Encoding /Identity-H /ToUnicode 7 0 R >>";
    let map = "1 begincodespacerange <0000> <ffff> endcodespacerange 1 beginbfchar <0003> <D83DDC1F> endbfchar \
               2 beginbfrange <0010> <0012> <0061> <0020> <0021> [<0041> <0042>] endbfrange";
    let content = stream("", b"BT /F2 12 Tf <0003001000120021> Tj ET");
    let file = page_with(content, &[composite.into(), stream("", map.as_bytes())]);
    assert_eq!(read(&file), Ok("🐟acB".to_owned()));
}

#[test]
fn open_finds_objects_in_object_streams_and_without_a_trailer() {
    let inner = "<< /Type /Catalog /Pages 2 0 R >> << /Type /Pages /Kids [3 0 R] >> \
                 << /Type /Page /Contents 10 0 R /Resources << /Font << /F1 4 0 R >> >> >> \
                 << /Type /Font /Subtype /Type1 >>";
    let starts: Vec<_> = inner
        .match_indices("<< /Type /")
        .map(|(at, _)| at)
        .collect();
    let header: String = (1..)
        .zip(&starts)
        .map(|(number, at)| format!("{number} {at} "))
        .collect();
    let dict = format!("/Type /ObjStm /N 4 /First {}", header.len());
    let mut file = b"%PDF-1.5\n10 0 obj\n".to_vec();
    file.extend(stream("", b"BT /F1 9 Tf (packed) Tj ET"));
    file.extend(b"\nendobj 11 0 obj\n");
    file.extend(stream(&dict, format!("{header}{inner}").as_bytes()));
    file.extend(b"\nendobj");
    let mut with_root = file.clone();
    with_root.extend(b" 12 0 obj\n");
    with_root.extend(stream("/Type /XRef /Root 1 0 R", b""));
    with_root.extend(b"\nendobj");
    assert_eq!(read(&with_root), Ok("packed".to_owned()));
    // Without a root there are the pages that say so, which are not found in object streams.
    assert_eq!(read(&file), Err(Fault::Malformed));
    let with_page = page("BT /F1 9 Tf (found) Tj ET");
    let cut = with_page.len() - b"trailer\n<< /Root 1 0 R >>\n%%EOF\n".len();
    assert!(read(&with_page[..cut]).is_ok());
}

#[test]
fn open_takes_the_last_object_of_a_number() {
    let mut file = page("BT /F1 9 Tf (old) Tj ET");
    file.extend(b"4 0 obj\n");
    file.extend(stream("", b"BT /F1 9 Tf (new) Tj ET"));
    file.extend(b"\nendobj\n");
    assert_eq!(read(&file), Ok("new".to_owned()));
}

#[test]
fn next_page_stops_at_the_limits() {
    let file = page("BT /F1 9 Tf (1234567890) Tj ET");
    let mut text = PdfText::open(&file).unwrap();
    assert_eq!(text.next_page(4), Ok(true));
    assert_eq!((text.text.as_str(), text.is_cut()), ("1234", true));
    assert_eq!(text.next_page(4), Ok(false));
    assert_eq!((text.pages, text.total_pages()), (1, 1));
}

#[test]
fn open_of_an_encrypted_file_says_so() {
    let file = page("")
        .into_iter()
        .chain(*b"trailer << /Encrypt 9 0 R /Root 1 0 R >>");
    let file: Vec<u8> = file.collect();
    assert_eq!(read(&file), Err(Fault::Encrypted));
}

#[test]
fn open_of_something_else_is_malformed() {
    for file in [
        &b""[..],
        b"%PDF-1.7",
        b"hello",
        b"1 0 obj << /Type /Catalog /Pages 1 0 R >> endobj",
    ] {
        assert_eq!(read(file), Err(Fault::Malformed));
    }
}

#[test]
fn next_page_of_a_decompression_bomb_is_too_complex() {
    let bomb = compress_to_vec_zlib(&vec![b' '; 40 << 20], 9);
    assert!(bomb.len() < 100_000);
    let file = page_with(stream("/Filter /FlateDecode", &bomb), &[]);
    assert_eq!(read(&file), Err(Fault::TooComplex));
    let twice = compress_to_vec_zlib(&bomb, 9);
    let file = page_with(stream("/Filter [/FlateDecode /FlateDecode]", &twice), &[]);
    assert_eq!(read(&file), Err(Fault::TooComplex));
    let objects = stream("/Type /ObjStm /N 1 /First 0 /Filter /FlateDecode", &bomb);
    let file = page_with(stream("", b""), &[objects]);
    assert_eq!(read(&file), Err(Fault::TooComplex));
    // Many that are not large take the work of the whole document.
    let small = compress_to_vec_zlib(&vec![b' '; 15 << 20], 9);
    let mut many = vec![
        b"<< /Type /Catalog /Pages 2 0 R >>".to_vec(),
        format!(
            "<< /Kids [{}] >>",
            (3..40).map(|n| format!("{n} 0 R ")).collect::<String>()
        )
        .into(),
    ];
    many.extend((3..40).map(|_| b"<< /Type /Page /Contents 40 0 R >>".to_vec()));
    many.push(stream("/Filter /FlateDecode", &small));
    assert_eq!(read(&document(&many)), Err(Fault::TooComplex));
}

#[test]
fn open_of_nested_and_circular_objects_ends() {
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    assert_eq!(
        read(&page_with(deep.clone().into(), &[])),
        Ok(String::new())
    );
    assert_eq!(shown(&format!("{deep} BT /F1 9 Tf (x) Tj ET")), "");
    let dicts = "<</A".repeat(100_000);
    assert_eq!(read(&page_with(dicts.into(), &[])), Ok(String::new()));
    // A form that shows itself twice, references in a circle, a tree of pages that contains itself.
    let form = stream("/Subtype /Form", b"/X1 Do /X1 Do BT /F1 9 Tf (x) Tj ET");
    assert!(read(&page_with(stream("", b"/X1 Do"), &[form])).is_ok());
    assert_eq!(read(&page_with(b"4 0 R".to_vec(), &[])), Ok(String::new()));
    let circle = document(&[
        b"<< /Pages 2 0 R >>".to_vec(),
        b"<< /Kids [2 0 R 2 0 R 3 0 R] >>".to_vec(),
        b"<< /Kids [2 0 R] >>".to_vec(),
    ]);
    assert_eq!(read(&circle), Err(Fault::Malformed));
}

#[test]
fn open_of_work_that_grows_with_the_square_of_the_size_is_too_complex() {
    let strings: Vec<u8> = (1..20_000)
        .flat_map(|n| format!("{n} 0 obj (").into_bytes())
        .collect();
    assert_eq!(read(&strings), Err(Fault::TooComplex));
    let streams: Vec<u8> = (1..20_000)
        .flat_map(|n| format!("{n} 0 obj<<>>stream\n").into_bytes())
        .collect();
    assert_eq!(read(&streams), Err(Fault::TooComplex));
    let many: Vec<u8> = (1..400_000)
        .flat_map(|n| format!("{n} 0 obj ").into_bytes())
        .collect();
    assert_eq!(read(&many), Err(Fault::TooComplex));
}

/// A file with most of what the reader knows.
fn sample() -> Vec<u8> {
    let content =
        b"q 1 0 0 1 9 9 cm BT /F1 12 Tf 14 TL (one) Tj T* [(t) -300 (wo)] TJ ET /X1 Do Q \
                    BI /W 1 ID x EI BT /F2 9 Tf <00410042> Tj ET";
    let map = "1 begincodespacerange <0000> <ffff> endcodespacerange 1 beginbfrange <0041> <0042> <0061> endbfrange";
    page_with(
        stream("/Filter /FlateDecode /DecodeParms << /Predictor 12 /Columns 4 >>", &compress_to_vec_zlib(content, 6)),
        &[
            b"<< /Subtype /Type0 /Encoding /Identity-H /ToUnicode 7 0 R /DescendantFonts [<< /DW 500 /W [1 [2 3] 4 9 5] >>] >>"
                .to_vec(),
            stream("/Filter /ASCII85Decode", map.as_bytes()),
            stream("/Type /ObjStm /N 2 /First 8 /Filter /LZWDecode", b"90 0 91 4 null [1 2]"),
            stream("/Filter /RunLengthDecode", b"\x05abcdef\xfeg\x80"),
        ],
    )
}

proptest! {
    #[test]
    fn read_of_any_bytes_never_panics(bytes in proptest::collection::vec(any::<u8>(), 0..4_000)) {
        let _ = read(&bytes);
        let mut content = b"%PDF 1 0 obj <</Type/Page/Contents 2 0 R>> 2 0 obj <<>>stream\n".to_vec();
        content.extend(&bytes);
        let _ = read(&content);
    }

    #[test]
    fn read_of_any_content_never_panics(words in proptest::collection::vec(prop_oneof![
        Just("BT"), Just("ET"), Just("/F1 9 Tf"), Just("/F2 1e9 Tf"), Just("(x) Tj"), Just("<ff"), Just("[(a) -9 (b)] TJ"),
        Just("999999999999 -1 Td"), Just("0 0 0 0 0 0 Tm"), Just("q"), Just("Q"), Just("/X1 Do"), Just("<<"), Just("]"),
        Just("ID"), Just("BI"), Just("- . +"), Just("\\"), Just("("), Just("1 0 0 -1 0 0 cm"), Just("0 Tz"), Just("'"),
    ], 0..200)) {
        let _ = read(&page(&words.join(" ")));
    }

    #[test]
    fn read_of_a_damaged_file_never_panics(
        changes in proptest::collection::vec((any::<proptest::sample::Index>(), any::<u8>()), 1..40),
        cut in any::<proptest::sample::Index>(),
        is_cut in any::<bool>(),
    ) {
        let mut file = sample();
        for (at, byte) in changes {
            let at = at.index(file.len());
            file[at] = byte;
        }
        if is_cut {
            file.truncate(cut.index(file.len()));
        }
        let _ = read(&file);
    }
}
