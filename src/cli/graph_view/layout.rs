//! Where boxes and arrows of a picture go: `dagre`'s layout, from left to right, behind types of our own.

use dagre::graph::{Edge as DagreEdge, Graph, GraphOptions};
use dagre::layout::types::LabelPos;
use dagre::{EdgeLabel, LayoutOptions, NodeLabel, RankDir};

/// A width and a height.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Size {
    pub(super) width: f64,
    pub(super) height: f64,
}

/// A place.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Point {
    pub(super) x: f64,
    pub(super) y: f64,
}

/// A box, by its upper left corner.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Rect {
    pub(super) at: Point,
    pub(super) size: Size,
}

impl Rect {
    pub(super) fn right(&self) -> f64 {
        self.at.x + self.size.width
    }

    pub(super) fn bottom(&self) -> f64 {
        self.at.y + self.size.height
    }

    pub(super) fn middle(&self) -> f64 {
        self.at.y + self.size.height / 2.0
    }
}

/// An arrow to be laid out.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Arrow {
    /// The index of the box that it leaves.
    pub(super) from: usize,
    /// The index of the box that it enters.
    pub(super) to: usize,
    /// The size of its label; `None`: it has none.
    pub(super) label: Option<Size>,
}

/// An arrow's way.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Route {
    /// Level pieces, from left to right, between which it bends: their first and last x, and y.
    pub(super) levels: Vec<(f64, f64, f64)>,
    /// The middle of its label.
    pub(super) label: Option<Point>,
}

/// Boxes and arrows with their places.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Layout {
    pub(super) size: Size,
    pub(super) boxes: Vec<Rect>,
    pub(super) routes: Vec<Route>,
}

/// Above so many boxes a layout that minds crossings takes too long; they stand in columns by their rank.
const MOST_LAID_OUT: usize = 300;
const COLUMN_GAP: f64 = 52.0;
const ROW_GAP: f64 = 18.0;
/// How many boxes without arrows stand in a row, where nothing beside them is wider.
const LOOSE_IN_A_ROW: usize = 4;

/// Lays boxes and arrows out. `ranks` says how far each box is from the start.
pub(super) fn lay_out(boxes: &[Size], ranks: &[usize], arrows: &[Arrow]) -> Layout {
    let is_tied = |index: usize| {
        let mut arrows = arrows.iter();
        arrows.any(|arrow| arrow.from == index || arrow.to == index)
    };
    let (tied, loose): (Vec<usize>, Vec<usize>) = (0..boxes.len()).partition(|i| is_tied(*i));
    let mut layout = if tied.len() > MOST_LAID_OUT {
        columns(boxes, &tied, ranks, arrows)
    } else {
        by_dagre(boxes, &tied, arrows)
    };
    add_loose(&mut layout, boxes, &loose);
    layout
}

/// The boxes of a layout that are not placed yet.
fn unplaced(boxes: &[Size]) -> Vec<Rect> {
    let origin = Point { x: 0.0, y: 0.0 };
    let boxes = boxes.iter().map(|size| Rect {
        at: origin,
        size: *size,
    });
    boxes.collect()
}

fn by_dagre(boxes: &[Size], tied: &[usize], arrows: &[Arrow]) -> Layout {
    let mut graph: Graph<NodeLabel, EdgeLabel> = Graph::with_options(GraphOptions {
        directed: true,
        multigraph: false,
        compound: false,
    });
    for index in tied {
        let label = NodeLabel {
            width: boxes[*index].width,
            height: boxes[*index].height,
            ..NodeLabel::default()
        };
        graph.set_node(index.to_string(), Some(label));
    }
    for arrow in arrows {
        let mut label = EdgeLabel::default();
        if let Some(size) = arrow.label {
            label.width = size.width;
            label.height = size.height;
            label.labelpos = LabelPos::Center;
        }
        let (from, to) = (arrow.from.to_string(), arrow.to.to_string());
        graph.set_edge(&from, &to, Some(label), None);
    }
    let options = LayoutOptions {
        rankdir: RankDir::LR,
        nodesep: ROW_GAP,
        edgesep: 8.0,
        ranksep: COLUMN_GAP,
        ..LayoutOptions::default()
    };
    dagre::layout(&mut graph, Some(options));
    let mut placed = unplaced(boxes);
    for index in tied {
        if let Some(node) = graph.node(&index.to_string()) {
            let size = boxes[*index];
            placed[*index].at = Point {
                x: node.x.unwrap_or_default() - size.width / 2.0,
                y: node.y.unwrap_or_default() - size.height / 2.0,
            };
        }
    }
    let routes = arrows.iter().map(|arrow| {
        let edge = DagreEdge::new(arrow.from.to_string(), arrow.to.to_string());
        let edge = graph.edge_by_obj(&edge);
        let points = edge.map(|edge| edge.points.as_slice()).unwrap_or_default();
        let inner = points
            .iter()
            .skip(1)
            .take(points.len().saturating_sub(2))
            .map(|point| Point {
                x: point.x,
                y: point.y,
            });
        let label = edge.and_then(|edge| {
            let (x, y) = (edge.x?, edge.y?);
            arrow.label.map(|_| Point { x, y })
        });
        route(&placed, tied, arrow, inner, label)
    });
    let routes: Vec<Route> = routes.collect();
    fitted(placed, tied, routes)
}

/// Returns the way from box to box over points between them. A point beside boxes keeps its level along their whole width, so that no bend
/// comes near them.
fn route(
    placed: &[Rect],
    tied: &[usize],
    arrow: &Arrow,
    inner: impl Iterator<Item = Point>,
    label: Option<Point>,
) -> Route {
    let (from, to) = (&placed[arrow.from], &placed[arrow.to]);
    let mut levels = vec![(from.right(), from.right(), from.middle())];
    for point in inner {
        let beside = tied
            .iter()
            .map(|index| &placed[*index])
            .filter(|rect| rect.at.x <= point.x && point.x <= rect.right());
        let (mut left, mut right) = (point.x, point.x);
        for rect in beside {
            left = left.min(rect.at.x);
            right = right.max(rect.right());
        }
        if let (Some(at), Some(size)) = (label, arrow.label)
            && (at.x - point.x).abs() < 1.0
        {
            left = left.min(at.x - size.width / 2.0);
            right = right.max(at.x + size.width / 2.0);
        }
        levels.push((left, right, point.y));
    }
    levels.push((to.at.x, to.at.x, to.middle()));
    Route { levels, label }
}

/// Puts boxes in columns by rank, in their order.
fn columns(boxes: &[Size], tied: &[usize], ranks: &[usize], arrows: &[Arrow]) -> Layout {
    let mut placed = unplaced(boxes);
    let count = tied.iter().map(|index| ranks[*index] + 1).max();
    let mut x = 0.0;
    for rank in 0..count.unwrap_or_default() {
        let (mut y, mut width) = (0.0, 0.0_f64);
        for index in tied.iter().filter(|index| ranks[**index] == rank) {
            placed[*index].at = Point { x, y };
            y += boxes[*index].height + ROW_GAP;
            width = width.max(boxes[*index].width);
        }
        x += width + 3.0 * COLUMN_GAP;
    }
    let routes = arrows
        .iter()
        .map(|arrow| route(&placed, tied, arrow, std::iter::empty(), None));
    let routes = routes.collect();
    fitted(placed, tied, routes)
}

/// Puts boxes without arrows in rows below the others.
fn add_loose(layout: &mut Layout, boxes: &[Size], loose: &[usize]) {
    let Some(widest) = loose
        .iter()
        .map(|index| boxes[*index].width)
        .reduce(f64::max)
    else {
        return;
    };
    let step = widest + ROW_GAP;
    let fit = ((layout.size.width + ROW_GAP) / step) as usize;
    let in_a_row = fit.max(LOOSE_IN_A_ROW);
    let mut y = layout.size.height;
    for row in loose.chunks(in_a_row) {
        if y > 0.0 {
            y += ROW_GAP;
        }
        let mut height = 0.0_f64;
        for (column, index) in row.iter().enumerate() {
            let x = column as f64 * step;
            layout.boxes[*index].at = Point { x, y };
            height = height.max(boxes[*index].height);
            layout.size.width = layout.size.width.max(x + boxes[*index].width);
        }
        y += height;
    }
    layout.size.height = y;
}

/// Moves everything so that it begins at the origin, and measures it.
fn fitted(mut boxes: Vec<Rect>, tied: &[usize], mut routes: Vec<Route>) -> Layout {
    let mut low = Point {
        x: f64::INFINITY,
        y: f64::INFINITY,
    };
    let mut high = Point { x: 0.0, y: 0.0 };
    let mut reach = |left: f64, top: f64, right: f64, bottom: f64| {
        low = Point {
            x: low.x.min(left),
            y: low.y.min(top),
        };
        high = Point {
            x: high.x.max(right),
            y: high.y.max(bottom),
        };
    };
    for rect in tied.iter().map(|index| &boxes[*index]) {
        reach(rect.at.x, rect.at.y, rect.right(), rect.bottom());
    }
    for (left, right, y) in routes.iter().flat_map(|route| &route.levels) {
        reach(*left, y - ROW_GAP / 2.0, *right, y + ROW_GAP / 2.0);
    }
    if tied.is_empty() {
        low = high;
    }
    for index in tied {
        boxes[*index].at.x -= low.x;
        boxes[*index].at.y -= low.y;
    }
    for route in &mut routes {
        for level in &mut route.levels {
            *level = (level.0 - low.x, level.1 - low.x, level.2 - low.y);
        }
        if let Some(label) = &mut route.label {
            label.x -= low.x;
            label.y -= low.y;
        }
    }
    Layout {
        size: Size {
            width: high.x - low.x,
            height: high.y - low.y,
        },
        boxes,
        routes,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOX: Size = Size {
        width: 120.0,
        height: 44.0,
    };
    const LABEL: Size = Size {
        width: 60.0,
        height: 16.0,
    };

    fn arrows(pairs: &[(usize, usize)]) -> Vec<Arrow> {
        let arrows = pairs.iter().map(|(from, to)| Arrow {
            from: *from,
            to: *to,
            label: Some(LABEL),
        });
        arrows.collect()
    }

    fn overlap(a: &Rect, b: &Rect) -> bool {
        a.at.x < b.right() && b.at.x < a.right() && a.at.y < b.bottom() && b.at.y < a.bottom()
    }

    fn check(count: usize, ranks: &[usize], pairs: &[(usize, usize)]) -> Layout {
        let layout = lay_out(&vec![BOX; count], ranks, &arrows(pairs));
        for (index, rect) in layout.boxes.iter().enumerate() {
            let size = layout.size;
            assert!(rect.at.x >= 0.0 && rect.right() <= size.width + 0.1);
            assert!(rect.at.y >= 0.0 && rect.bottom() <= size.height + 0.1);
            for other in &layout.boxes[..index] {
                assert!(!overlap(rect, other), "{rect:?} {other:?}");
            }
        }
        layout
    }

    #[test]
    fn no_box_nor_label_lies_on_another_and_no_arrow_runs_through_a_box() {
        let pairs = [
            (0, 2),
            (1, 2),
            (0, 3),
            (1, 3),
            (2, 3),
            (2, 4),
            (0, 5),
            (4, 5),
        ];
        let layout = check(8, &[0, 0, 1, 2, 2, 3, 0, 0], &pairs);
        let labels: Vec<Rect> = layout
            .routes
            .iter()
            .filter_map(|route| route.label)
            .map(|at| Rect {
                at: Point {
                    x: at.x - LABEL.width / 2.0,
                    y: at.y - LABEL.height / 2.0,
                },
                size: LABEL,
            })
            .collect();
        assert_eq!(labels.len(), pairs.len());
        for (index, label) in labels.iter().enumerate() {
            assert!(!labels[..index].iter().any(|other| overlap(label, other)));
            assert!(!layout.boxes.iter().any(|rect| overlap(label, rect)));
        }
        for route in &layout.routes {
            for (left, right, y) in &route.levels {
                let crossed = layout.boxes.iter().find(|rect| {
                    rect.at.x < *right
                        && *left < rect.right()
                        && rect.at.y < *y
                        && *y < rect.bottom()
                });
                assert_eq!(crossed, None, "{route:?}");
            }
        }
    }

    #[test]
    fn the_same_graph_stands_the_same_each_time() {
        let pairs = [
            (0, 2),
            (1, 2),
            (0, 3),
            (1, 3),
            (2, 3),
            (2, 4),
            (0, 5),
            (4, 5),
        ];
        let first = check(8, &[0, 0, 1, 2, 2, 3, 0, 0], &pairs);
        for _ in 0..20 {
            assert_eq!(check(8, &[0, 0, 1, 2, 2, 3, 0, 0], &pairs), first);
        }
    }

    #[test]
    fn a_thousand_boxes_are_placed_at_once() {
        let pairs: Vec<(usize, usize)> = (1..1000).map(|to| (to / 3, to)).collect();
        let mut ranks = vec![0; 1000];
        for (from, to) in &pairs {
            ranks[*to] = ranks[*from] + 1;
        }
        check(1000, &ranks, &pairs);
    }

    #[test]
    fn nothing_takes_no_room() {
        let layout = check(0, &[], &[]);
        assert_eq!(layout.size.width, 0.0);
        assert_eq!(layout.size.height, 0.0);
    }
}
