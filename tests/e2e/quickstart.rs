//! A newcomer pastes the three lines that `serve` prints, as they are.

use std::process::Command;

use serde_json::Value;

use crate::{
    harness::{DataFolder, assert_clean},
    operation::Served,
};

#[tokio::test(flavor = "multi_thread")]
async fn the_three_lines_end_in_a_completed_payment_each_time() {
    let data = DataFolder::new();
    for start in 0..2 {
        let served = Served::start(&data.0);
        let lines: Vec<&str> = served
            .banner
            .iter()
            .filter_map(|line| line.find("curl ").map(|_| line.trim()))
            .collect();
        assert_eq!(lines.len(), 3, "{:?}", served.banner);
        for time in 0..2 {
            // Each in a shell of its own, as a newcomer with several terminals would.
            let shell = |line: &&str| Command::new("bash").args(["-c", line]).output().unwrap();
            let outputs: Vec<_> = lines.iter().map(shell).collect();
            let text = String::from_utf8_lossy(&outputs[2].stdout);
            let last = text
                .rfind("{\"payment_id\"")
                .unwrap_or_else(|| panic!("start {start}, time {time}: {lines:?}\n{text}"));
            let mut answers =
                serde_json::Deserializer::from_str(&text[last..]).into_iter::<Value>();
            let paid = answers.next().unwrap().unwrap();
            assert_eq!(
                paid["status"], "completed",
                "start {start}, time {time}: {text}"
            );
        }
        served.stop();
    }
    assert_clean(&data);
}
