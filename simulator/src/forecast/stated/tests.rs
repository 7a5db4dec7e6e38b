use super::Scenario;
use crate::forecast::layout;

const DAY: i64 = 86_400;

fn read(text: &str) -> Scenario {
    Scenario::parse("office.toml", text).expect("a scenario")
}

#[test]
fn what_is_wrong_is_told_with_its_line() {
    for (text, says) in [
        (
            "size = \"2TiB\"\nchange = \"2 apples\"",
            ["line 2", "'2 apples' is not a rate"],
        ),
        ("size = \"2TiB\"\nchnage = \"2%/day\"", ["line 2", "chnage"]),
        ("\nsize = \"big\"", ["line 2", "'big' is not a size"]),
        ("method = \"weekly\"", ["line 1", "unknown method 'weekly'"]),
        ("[policy]\nkeep-dayly = 7", ["line 2", "keep-dayly"]),
        ("compress = \"0.6x\"", ["line 1", "'0.6x' is not a share"]),
    ] {
        let error = Scenario::parse("office.toml", text)
            .expect_err(text)
            .to_string();
        for part in says.into_iter().chain(["office.toml"]) {
            assert!(error.contains(part), "no {part:?} in {error}");
        }
    }
    let lacks = read("size = \"2TiB\"")
        .play(0, DAY)
        .err()
        .expect("no change")
        .to_string();
    assert!(lacks.contains("--change 2%/day"), "{lacks}");
    let much = read("size = 1\nchange = \"1%/day\"\nevery = \"1s\"").play(0, 366 * DAY);
    let much = much.err().expect("too many points").to_string();
    assert!(
        much.contains("--every 1d") && much.contains("a point every 1s"),
        "{much}"
    );
}

#[test]
fn what_is_alive_adds_up_to_the_size() {
    let text = "size = \"1TiB\"\nchange = \"3%/day\"\ncompress = 0.5\nevery = \"6h\"\n";
    for (more, end) in [
        ("", 1_u64 << 39),
        ("growth = \"20%/year\"\n", (1 << 39) * 6 / 5),
    ] {
        let stated = read(&format!("{text}{more}"))
            .play(0, 365 * DAY + 1)
            .expect("points");
        let last = stated.points.len() - 1;
        assert_eq!(last, 365 * 4);
        let alive: u64 = (0..=last).map(|born| stated.data.alive(born, last)).sum();
        // Each of 1461 points rounds to the byte, twice.
        assert!(alive.abs_diff(end) < 4_000, "{alive} of {end}");
    }
}

#[test]
fn a_working_set_keeps_more_of_the_old_and_less_of_the_new() {
    let text = "size = \"1TiB\"\nchange = \"2%/day\"\n";
    let stated = |more: &str| {
        read(&format!("{text}{more}"))
            .play(0, 100 * DAY)
            .expect("points")
    };
    let (skewed, even) = (stated(""), stated("working-set = \"100%\"\n"));
    assert!(skewed.data.alive(0, 99) > even.data.alive(0, 99));
    assert!(skewed.data.alive(1, 99) < even.data.alive(1, 99));
    // 2 % a day for 99 days: 0.98^99 of it is left.
    let left = even.data.alive(0, 99) * 10_000 / (1 << 40);
    assert_eq!(left, 1353);
    // Every day as much is new as changes, whatever the shape.
    for stated in [skewed, even] {
        let new = stated.data.alive(1, 1) * 10_000 / (1 << 40);
        assert!((199..=200).contains(&new), "{new}");
    }
}

#[test]
fn a_week_of_incrementals_is_what_a_calculator_says() {
    // 1000 GiB, half left after compression, 10 % a day, seven points: C * (F * size + R * D * size) =
    // 500 + 6 * 50 = 800 GiB, which an independent simulator also gives for seven points in a chain
    // (tdewin/rps at commit 4e26f73, forever forward).
    let text = "size = \"1000GiB\"\nchange = \"10%/day\"\ncompress = \"50%\"\n\
                method = \"incremental\"\nfull-every = 1000\n";
    let stated = read(text).play(0, 7 * DAY).expect("points");
    let kinds: Vec<_> = stated.points.iter().map(|point| point.kind).collect();
    let own = (0..7).map(|point| layout::own(&stated.data, kinds[point], point));
    let own: Vec<u64> = own.collect();
    let bytes = layout::kept(
        &stated.data,
        &kinds,
        &own,
        &[0, 1, 2, 3, 4, 5, 6],
        &mut layout::Runs::default(),
    );
    assert_eq!((bytes + (1 << 29)) >> 30, 800);
}
