//! Parts of a log: what is checked of it, and how a check is taken up.

use super::*;
use crate::verify::tests::world::Folder;

async fn verify_with(folder: &Folder, options: &Options) -> Result<Report, Error> {
    let deps = Deps {
        log: folder.log().await,
        read_model: Some(folder.read_model().await),
        partition_of: None,
        bus: None,
    };
    let report = verify(&deps, options, |_| {}).await;
    deps.log.close().await;
    report
}

#[tokio::test]
async fn every_beginning_of_a_clean_log_is_clean() {
    let folder = World::new().await.play().await;
    let head = folder.verify().await.unwrap().head;
    for to in 1..=head {
        let part = Options {
            to: Some(to),
            ..options()
        };
        let report = verify_with(&folder, &part).await.unwrap();
        assert!(report.is_clean(), "{report}");
        assert_eq!((report.head, report.read_model), (to, None));
    }
}

/// A check that is taken up anywhere says what one that was not cut says.
#[tokio::test]
async fn a_check_is_taken_up_where_it_stood() {
    let folder = World::new().await.play().await;
    let sql = "UPDATE events SET payload = json_set(payload, '$.HoldExtended.expires_at', '2030-01-01T00:00:00Z') \
               WHERE event_type = 'HoldExtended'";
    assert_eq!(folder.run_sql("log.db", sql).await, 1);
    folder.fold_anew().await;
    let whole = folder.verify().await.unwrap();
    assert_eq!(whole.findings.len(), 1);
    for to in (1..whole.head).step_by(3) {
        let file = folder.path(&format!("resume-{to}.json"));
        let part = Options {
            to: Some(to),
            resume: Some(file.clone()),
            ..options()
        };
        verify_with(&folder, &part).await.unwrap();
        let rest = Options {
            to: None,
            ..part.clone()
        };
        let mut report = verify_with(&folder, &rest).await.unwrap();
        assert_eq!(report.resumed_from, Some(to));
        report.resumed_from = None;
        assert_eq!(report, whole, "taken up behind {to}");
        // Once more: there is nothing new.
        let again = verify_with(&folder, &rest).await.unwrap();
        assert_eq!(again.resumed_from, Some(whole.head));
    }
}

#[tokio::test]
async fn a_file_of_another_log_or_release_is_refused() {
    let (one, other) = (World::new().await, World::new().await);
    let (one, other) = (one.play().await, other.play().await);
    let file = one.path("resume.json");
    let resume = Options {
        resume: Some(file.clone()),
        ..options()
    };
    verify_with(&one, &resume).await.unwrap();
    let error = verify_with(&other, &resume).await.unwrap_err();
    assert!(error.to_string().contains("of another log"), "{error}");
    std::fs::write(&file, "{}").unwrap();
    let error = verify_with(&one, &resume).await.unwrap_err();
    assert!(error.to_string().contains("can't read"), "{error}");
}

#[tokio::test]
async fn what_is_before_the_beginning_is_not_told() {
    let folder = World::new().await.play().await;
    let sql = "UPDATE events SET metadata = '[]' WHERE position IN (3, 5)";
    folder.run_sql("log.db", sql).await;
    for (from, told) in [(1, vec![3, 5]), (4, vec![5]), (6, vec![])] {
        let options = Options {
            from: Some(from),
            ..options()
        };
        let report = verify_with(&folder, &options).await.unwrap();
        let found: Vec<_> = report
            .findings
            .iter()
            .map(|finding| finding.at.clone())
            .collect();
        let told: Vec<_> = told.into_iter().map(At::Position).collect();
        assert_eq!(found, told, "from {from}");
    }
}
