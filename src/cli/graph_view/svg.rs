//! Groups of nodes as a picture: one SVG without script and without anything from outside, for light and dark pages.

use std::collections::BTreeSet;

use unicode_width::UnicodeWidthChar;

use super::layout::{Arrow, Layout, Point, Rect, Route, Size, lay_out};
use super::tree::depths;
use super::{Group, Node};

/// How it looks. The second half takes over on dark pages.
const STYLE: &str = include_str!("graph.css");

/// Between the edge of the picture and its groups, and between those.
const MARGIN: f64 = 16.0;
/// Between the edge of a group and its boxes.
const PADDING: f64 = 20.0;
const HEADING: f64 = 34.0;
/// Between the edge of a box and its text.
const INSET: f64 = 12.0;
const LINE: f64 = 16.0;
/// Longer texts are cut in the picture, and whole where the pointer rests.
const WIDEST_TEXT: f64 = 250.0;
const NARROWEST_BOX: f64 = 96.0;

/// Draws groups of nodes, each in a panel of its own, one below the other.
pub(crate) fn svg(name: &str, groups: &[Group]) -> String {
    let panels: Vec<Panel<'_>> = groups.iter().map(Panel::new).collect();
    let inner = panels.iter().map(|panel| panel.size().width);
    let width = inner.fold(0.0, f64::max) + 2.0 * MARGIN;
    let mut body = String::new();
    let mut y = MARGIN;
    for panel in &panels {
        panel.draw(&mut body, Point { x: MARGIN, y }, width - 2.0 * MARGIN);
        y += panel.size().height + MARGIN;
    }
    let (width, height) = (number(width), number(y));
    let title = escaped(name);
    let description = escaped(&description(groups));
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" viewBox=\"0 0 {width} {height}\" role=\"img\" aria-labelledby=\"title desc\">\n\
         <title id=\"title\">{title}</title>\n<desc id=\"desc\">{description}</desc>\n<style>\n{STYLE}</style>\n\
         <rect class=\"page\" width=\"{width}\" height=\"{height}\"/>\n{body}</svg>\n"
    )
}

/// Returns the whole graph in words, for those who cannot see it.
fn description(groups: &[Group]) -> String {
    let groups = groups.iter().map(|group| {
        let nodes = group.nodes.iter().map(|node| {
            let after: Vec<String> = node
                .after
                .iter()
                .map(|(name, word)| format!("{name} {word}").trim_end().to_owned())
                .collect();
            match after.is_empty() {
                true => node.name.clone(),
                false => format!("{} after {}", node.name, after.join(" and ")),
            }
        });
        format!("{}: {}.", group.title, nodes.collect::<Vec<_>>().join(", "))
    });
    groups.collect::<Vec<_>>().join(" ")
}

/// A group with the places of its boxes.
struct Panel<'a> {
    group: &'a Group,
    /// The arrows, each with its word and whether others imply it.
    arrows: Vec<(Arrow, &'a str, bool)>,
    layout: Layout,
}

impl<'a> Panel<'a> {
    fn new(group: &'a Group) -> Self {
        let nodes = &group.nodes;
        let width = nodes.iter().map(box_width).fold(NARROWEST_BOX, f64::max);
        let boxes: Vec<Size> = nodes
            .iter()
            .map(|node| Size {
                width,
                height: lines(node).len() as f64 * LINE + 2.0 * INSET - 4.0,
            })
            .collect();
        let depths = depths(nodes);
        let ranks: Vec<usize> = nodes
            .iter()
            .map(|node| depths.get(node.name.as_str()).copied().unwrap_or_default())
            .collect();
        let mut arrows = Vec::new();
        for (to, node) in nodes.iter().enumerate() {
            for (before, word) in &node.after {
                let from = nodes.iter().position(|other| other.name == *before);
                let Some(from) = from else { continue };
                let is_implied = is_implied(nodes, node, before);
                let label = (!word.is_empty() && !is_implied).then(|| Size {
                    width: text_width(word, 11.0) + 8.0,
                    height: LINE,
                });
                arrows.push((Arrow { from, to, label }, word.as_str(), is_implied));
            }
        }
        let plain: Vec<Arrow> = arrows.iter().map(|(arrow, _, _)| *arrow).collect();
        let layout = lay_out(&boxes, &ranks, &plain);
        Self {
            group,
            arrows,
            layout,
        }
    }

    fn size(&self) -> Size {
        let heading = text_width(&self.heading(), 13.0);
        Size {
            width: self.layout.size.width.max(heading) + 2.0 * PADDING,
            height: self.layout.size.height + HEADING + PADDING,
        }
    }

    fn heading(&self) -> String {
        match self.group.note.as_str() {
            "" => self.group.title.clone(),
            note => format!("{} \u{b7} {note}", self.group.title),
        }
    }

    fn draw(&self, out: &mut String, at: Point, width: f64) {
        let (x, y) = (number(at.x), number(at.y));
        let (width, height) = (number(width), number(self.size().height));
        out.push_str(&format!(
            "<g transform=\"translate({x} {y})\">\n<rect class=\"group\" width=\"{width}\" height=\"{height}\" rx=\"10\"/>\n"
        ));
        text(out, "heading", PADDING, 23.0, &self.heading());
        let inset = (number(PADDING), number(HEADING));
        out.push_str(&format!(
            "<g transform=\"translate({} {})\">\n",
            inset.0, inset.1
        ));
        let routes = self.arrows.iter().zip(&self.layout.routes);
        for ((arrow, word, is_implied), route) in routes.clone() {
            let class = match is_implied {
                true => format!("{} implied", css_class(word)),
                false => css_class(word).to_owned(),
            };
            let (from, to) = (&self.group.nodes[arrow.from], &self.group.nodes[arrow.to]);
            let title = format!("{} after {} {word}", to.name, from.name);
            draw_way(out, &class, title.trim_end(), route);
        }
        // Over all the ways, so that none crosses a word.
        for ((arrow, word, _), route) in routes {
            if let (Some(label), Some(size)) = (route.label, arrow.label) {
                draw_word(out, word, label, size);
            }
        }
        let kind = match self.group.title.starts_with("dag ") {
            true => "task",
            false => "service",
        };
        for (node, rect) in self.group.nodes.iter().zip(&self.layout.boxes) {
            draw_box(out, kind, node, rect);
        }
        out.push_str("</g>\n</g>\n");
    }
}

/// Returns whether a node comes after `before` by way of another one too: such an arrow is drawn thin and without its word, so that the
/// others can be followed.
fn is_implied(nodes: &[Node], node: &Node, before: &str) -> bool {
    let find = |name: &str| nodes.iter().find(|other| other.name == name);
    let others = node.after.iter().filter(|(name, _)| name != before);
    let mut open: Vec<&Node> = others.filter_map(|(name, _)| find(name)).collect();
    let mut seen = BTreeSet::new();
    while let Some(at) = open.pop() {
        if at.name == before {
            return true;
        }
        if seen.insert(at.name.as_str()) {
            open.extend(at.after.iter().filter_map(|(name, _)| find(name)));
        }
    }
    false
}

/// The lines of a box, each with its class.
fn lines(node: &Node) -> Vec<(&'static str, String)> {
    let lines = [
        ("name", node.name.clone()),
        ("what", node.work()),
        ("fact", node.facts.join(" \u{b7} ")),
    ];
    let lines = lines.into_iter().filter(|(_, text)| !text.is_empty());
    lines.collect()
}

fn font_size(class: &str) -> f64 {
    if class == "name" { 13.0 } else { 11.0 }
}

fn box_width(node: &Node) -> f64 {
    let lines = lines(node);
    let widths = lines
        .iter()
        .map(|(class, text)| text_width(text, font_size(class)).min(WIDEST_TEXT));
    widths.fold(0.0, f64::max) + 2.0 * INSET
}

fn draw_way(out: &mut String, class: &str, title: &str, route: &Route) {
    let (way, end) = way(route);
    let (x, y) = (number(end.x), number(end.y));
    let title = escaped(title);
    out.push_str(&format!(
        "<g class=\"{class}\"><title>{title}</title><path class=\"way\" d=\"{way}\"/><path class=\"tip\" d=\"M{x} {y}l-8 -4v8z\"/></g>\n"
    ));
}

/// The words of arrows are Compose's conditions; any other looks plain.
fn css_class(word: &str) -> &'static str {
    match word {
        "healthy" => "healthy",
        "completed" => "completed",
        _ => "plain",
    }
}

/// Returns the path of an arrow and where its tip ends: level at every piece, with one bend between two.
fn way(route: &Route) -> (String, Point) {
    const TIP: f64 = 6.0;
    let mut levels = route.levels.clone();
    let mut end = Point { x: 0.0, y: 0.0 };
    if let Some(last) = levels.last_mut() {
        end = Point {
            x: last.0,
            y: last.2,
        };
        last.0 -= TIP;
        last.1 -= TIP;
    }
    let mut path = String::new();
    let mut before: Option<(f64, f64)> = None;
    for (left, right, y) in levels {
        match before {
            None => path.push_str(&format!("M{} {}", number(left), number(y))),
            Some((x, from)) => {
                let half = (x + left) / 2.0;
                path.push_str(&format!(
                    "C{} {} {} {} {} {}",
                    number(half),
                    number(from),
                    number(half),
                    number(y),
                    number(left),
                    number(y)
                ));
            }
        }
        if right > left {
            path.push_str(&format!("H{}", number(right)));
        }
        before = Some((right, y));
    }
    (path, end)
}

fn draw_word(out: &mut String, word: &str, middle: Point, size: Size) {
    let (x, y) = (middle.x - size.width / 2.0, middle.y - size.height / 2.0);
    out.push_str(&format!(
        "<g class=\"{}\"><rect class=\"under\" x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\"/><text class=\"word\" x=\"{}\" y=\"{}\" text-anchor=\"middle\">{}</text></g>\n",
        css_class(word),
        number(x),
        number(y),
        number(size.width),
        number(size.height),
        number(middle.x),
        number(middle.y + 4.0),
        escaped(word)
    ));
}

fn draw_box(out: &mut String, kind: &str, node: &Node, rect: &Rect) {
    let lines = lines(node);
    let whole: Vec<&str> = lines.iter().map(|(_, text)| text.as_str()).collect();
    let off = if node.is_off { " off" } else { "" };
    out.push_str(&format!(
        "<g class=\"{kind}{off}\" transform=\"translate({} {})\"><title>{}</title><rect class=\"box\" width=\"{}\" height=\"{}\" rx=\"6\"/>\n",
        number(rect.at.x),
        number(rect.at.y),
        escaped(&whole.join("\n")),
        number(rect.size.width),
        number(rect.size.height)
    ));
    for (index, (class, line)) in lines.iter().enumerate() {
        let y = INSET - 2.0 + index as f64 * LINE + 12.0;
        text(out, class, INSET, y, &cut(line, font_size(class)));
    }
    out.push_str("</g>\n");
}

fn text(out: &mut String, class: &str, x: f64, y: f64, line: &str) {
    let (x, y) = (number(x), number(y));
    let line = escaped(line);
    out.push_str(&format!(
        "<text class=\"{class}\" x=\"{x}\" y=\"{y}\">{line}</text>\n"
    ));
}

/// Returns about how wide a text is. Which font there is nobody knows here; it is counted for a wide one.
fn text_width(text: &str, size: f64) -> f64 {
    text.chars().map(|c| char_width(c) * size).sum()
}

fn char_width(c: char) -> f64 {
    match c {
        'i' | 'j' | 'l' | '.' | ',' | ':' | ';' | '\'' | '|' | '!' | ' ' | '\u{b7}' => 0.36,
        'f' | 't' | 'r' | '-' | '/' | '(' | ')' | '[' | ']' | '"' => 0.45,
        'm' | 'w' | 'M' | 'W' | '@' | '%' => 1.0,
        'A'..='Z' | '_' | '+' | '=' => 0.75,
        c if c.width() == Some(2) => 1.1,
        _ => 0.66,
    }
}

/// Cuts a text to what fits into a box.
fn cut(text: &str, size: f64) -> String {
    if text_width(text, size) <= WIDEST_TEXT {
        return text.to_owned();
    }
    let mut room = WIDEST_TEXT - size;
    let kept = text.chars().take_while(|c| {
        room -= char_width(*c) * size;
        room >= 0.0
    });
    format!("{}\u{2026}", kept.collect::<String>())
}

/// Writes a number with one decimal at most.
fn number(value: f64) -> String {
    let tenths = (value * 10.0).round() / 10.0;
    // Without `-0`.
    format!("{}", tenths + 0.0)
}

/// Makes text safe within an element of XML, which cannot hold most control characters in any form.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\n' => out.push('\n'),
            c if c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}') => out.push('\u{fffd}'),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::super::nodes::sample::{group, node};
    use super::*;

    #[test]
    fn no_text_becomes_markup() {
        let nodes = vec![node("<script>&\u{1}\"x\"", &[], "]]>")];
        let picture = svg("a & b </title>", &[group(nodes)]);
        assert!(!picture.contains("<script"), "{picture}");
        assert!(picture.contains("<title id=\"title\">a &amp; b &lt;/title&gt;</title>"));
        assert!(picture.contains("&lt;script&gt;&amp;\u{fffd}&quot;x&quot;"));
    }

    #[test]
    fn a_picture_needs_nothing_from_outside_and_says_itself_in_words() {
        let nodes = vec![
            node("db", &[], ""),
            node("web", &[("db", "healthy")], "once"),
        ];
        let picture = svg("shop", &[group(nodes)]);
        let links = picture.matches("http").count();
        assert_eq!(links, 1, "only the name of the namespace: {picture}");
        assert!(
            !picture.contains("url(") && !picture.contains("href") && !picture.contains("@import")
        );
        assert!(picture.contains("<desc id=\"desc\">services: db, web after db healthy.</desc>"));
        assert!(picture.contains("prefers-color-scheme: dark"));
    }

    #[test]
    fn long_texts_are_cut_and_stay_whole_beside() {
        let long = "registry.example.org/team/".to_owned() + &"very-".repeat(20) + "long:1";
        let mut service = node("web", &[], "");
        service.what.clone_from(&long);
        let picture = svg("shop", &[group(vec![service])]);
        assert!(picture.contains(&format!("<title>web\n{long}</title>")));
        assert!(picture.contains("\u{2026}</text>"));
        assert!(text_width(&cut(&long, 11.0), 11.0) <= WIDEST_TEXT);
    }
}
