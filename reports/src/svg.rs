//! What makes plotters' SVG at home in the page: its size, its colours, and words for those who
//! don't see it.

use plotters::style::RGBColor;

/// Okabe and Ito's palette, which colour-blind readers tell apart; each has its own mark besides.
pub(crate) const COLOURS: [RGBColor; 6] = [
    RGBColor(0, 114, 178),
    RGBColor(213, 94, 0),
    RGBColor(0, 158, 115),
    RGBColor(204, 121, 167),
    RGBColor(230, 159, 0),
    RGBColor(86, 180, 233),
];

/// Lets the picture scale, take the page's colours, and tell screen readers what it says.
pub(crate) fn adapt(told: &str, svg: &str, (width, height): (u32, u32)) -> String {
    let told = escape(told);
    let head = format!(r#"<svg role="img" aria-label="{told}" "#);
    let mut svg = svg
        .replace(r##"fill="#000000""##, r#"fill="currentColor""#)
        .replace(r##"stroke="#000000""##, r#"stroke="currentColor""#)
        .replacen(&format!(r#"width="{width}" height="{height}" "#), "", 1)
        .replacen("<svg ", &head, 1);
    // A class beside each colour of the palette: a dark page may shine it up.
    for (number, RGBColor(red, green, blue)) in COLOURS.iter().enumerate() {
        for side in ["fill", "stroke"] {
            let plain = format!(r##"{side}="#{red:02X}{green:02X}{blue:02X}""##);
            svg = svg.replace(&plain, &format!(r#"{plain} class="{side}-{number}""#));
        }
    }
    svg
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::adapt;

    #[test]
    fn a_drawing_takes_the_pages_size_and_colours() {
        let drawn = "<svg width=\"40\" height=\"20\" viewBox=\"0 0 40 20\">\
                     <text fill=\"#000000\">a</text><rect width=\"40\" fill=\"#0072B2\"/>\
                     <line stroke=\"#D55E00\"/></svg>";
        assert_eq!(
            adapt("a < b", drawn, (40, 20)),
            "<svg role=\"img\" aria-label=\"a &lt; b\" viewBox=\"0 0 40 20\">\
             <text fill=\"currentColor\">a</text>\
             <rect width=\"40\" fill=\"#0072B2\" class=\"fill-0\"/>\
             <line stroke=\"#D55E00\" class=\"stroke-1\"/></svg>"
        );
    }
}
