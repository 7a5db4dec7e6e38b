use engine::format::point::Method;
use engine::ids::ObjectId;
use engine::inventory::{HistoryPoint, InstanceHistory};
use engine::units::Timestamp;

use super::{Stating, count, fit, rhythm, to_come};

const DAY: i64 = 86_400;

fn history(ats: &[i64], method: Method, lives: Vec<Vec<(u32, u64)>>) -> InstanceHistory {
    let point = |(number, at): (usize, &i64)| HistoryPoint {
        id: ObjectId([number as u8; 16]),
        captured: Timestamp {
            seconds: *at,
            nanos: 0,
        },
        method,
        chain_length: 1,
        needs: Vec::new(),
        tags: Vec::new(),
        logical_bytes: 1000,
        deleted_until: None,
    };
    InstanceHistory {
        instance: "test".to_owned(),
        points: ats.iter().enumerate().map(point).collect(),
        lives,
    }
}

#[test]
fn the_rhythm_ends_at_a_gap() {
    let daily = |from: i64, count: i64| (0..count).map(move |day| from + day * DAY);
    let mut ats: Vec<i64> = daily(0, 3).map(|at| at * 30).collect();
    ats.extend(daily(100 * DAY, 10).map(|at| at + 700));
    assert_eq!(rhythm(&ats), (DAY, 3));
    // A timer with a little delay.
    let late: Vec<i64> = (0..20).map(|hour| hour * 3_607).collect();
    assert_eq!(rhythm(&late), (3_600, 0));
    // From Monday to Friday: seven days for five points.
    let weeks = (0..50).map(|number| (number / 5 * 7 + number % 5) * DAY);
    let (every, first) = rhythm(&weeks.collect::<Vec<_>>());
    assert_eq!((every / 3_600, first), (33, 0));
    assert_eq!(rhythm(&[5]), (DAY, 0));
    assert_eq!(rhythm(&[5, 6, 7, 30, 31]), (6, 0), "made by hand");
    assert_eq!(rhythm(&[5, 9]), (4, 0));
}

#[test]
fn a_history_goes_on_as_it_went() {
    // 900 bytes that stay, and 100 bytes a day of which half is gone the next day and the rest stays.
    let days = 12_u32;
    let lives = (0..days).map(|day| match day {
        0 => vec![(days - 1, 900)],
        day if day == days - 1 => vec![(day, 100)],
        day => vec![(day, 50), (days - 1, 50)],
    });
    let ats: Vec<i64> = (0..i64::from(days)).map(|day| day * DAY).collect();
    let history = history(&ats, Method::Forever, lives.collect());
    let fitted = fit(&history, 12, (0, 22 * DAY), Stating::default()).expect("fitted");
    assert_eq!(
        (fitted.every, fitted.method, fitted.first),
        (DAY, Method::Forever, 0)
    );
    assert_eq!(fitted.points.len(), 22);
    assert_eq!(fitted.points[12].at, 12 * DAY);
    let data = &fitted.data;
    assert_eq!(data.alive(0, 21), 900, "what never died is not expected to");
    assert_eq!(
        [data.alive(5, 5), data.alive(5, 6), data.alive(5, 21)],
        [100, 50, 50]
    );
    // The last known point's bytes and those to come go the same way.
    assert_eq!(
        [data.alive(11, 11), data.alive(11, 12), data.alive(11, 21)],
        [100, 50, 50]
    );
    assert_eq!(
        [data.alive(15, 15), data.alive(15, 16), data.alive(15, 21)],
        [100, 50, 50]
    );
    assert_eq!(fitted.additions, vec![100; 11]);
}

#[test]
fn chains_go_on_where_they_are() {
    let mut history = history(
        &[0, DAY, 2 * DAY, 3 * DAY],
        Method::Incremental,
        vec![vec![(3, 1)]; 4],
    );
    history.points[0].method = Method::Full;
    history.points[2].method = Method::Full;
    let fitted = fit(&history, 4, (0, 8 * DAY), Stating::default()).expect("fitted");
    assert_eq!((fitted.method, fitted.full_every), (Method::Incremental, 2));
    let made: Vec<Method> = fitted.points[4..]
        .iter()
        .map(|point| point.method)
        .collect();
    let (full, incremental) = (Method::Full, Method::Incremental);
    assert_eq!(made, [full, incremental, full, incremental]);
    assert_eq!(fitted.points[5].needs, [fitted.points[4].id]);
    // A single full in the past: no second is to be expected.
    history.points[2].method = Method::Incremental;
    let fitted = fit(&history, 4, (0, 8 * DAY), Stating::default()).expect("fitted");
    assert!(
        fitted.points[4..]
            .iter()
            .all(|point| point.method == incremental)
    );
    assert_eq!(
        fitted.points[4].needs,
        [history.points[3].id],
        "the chain goes on"
    );
}

#[test]
fn differentials_need_their_full() {
    let points = to_come(&[], 0, 1, 5, |since| {
        engine::backup::method_at(Method::Differential, since, 3)
    });
    let needs: Vec<_> = points
        .iter()
        .map(|point| point.needs.first().copied())
        .collect();
    let full = |number: usize| Some(points[number].id);
    assert_eq!(needs, [None, full(0), full(0), None, full(3)]);
    assert_eq!(count(0, 10, 3).expect("few"), 4);
}
