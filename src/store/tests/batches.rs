//! Lists of questions: there whole or not at all, counted right, ended once, forgotten in time.

use std::fs;

use super::super::batches::{
    BatchKept, BatchOrder, BatchRefused, BatchState, BatchView, NewBatch, NewRow, RowFilter, RowOutcome, RowState,
    RunningBatch,
};
use super::*;

fn list(rig: &Rig, rows: u32) -> NewBatch {
    NewBatch {
        client: "key_1".to_owned(),
        facility: facility("01999"),
        name: "Nguyễn Thị Ví Dụ và những người khác".to_owned(),
        details_json: "{}".to_owned(),
        start_at: rig.now(),
        idempotency_key: None,
        sha256: [1; 32],
        open_max: 3,
        rows: (1..=rows)
            .map(|number| NewRow { number, question_json: format!("{{\"n\":{number}}}"), refused: None })
            .collect(),
    }
}

fn kept(kept: BatchKept) -> BatchView {
    match kept {
        BatchKept::New(view) => view,
        other => panic!("not new: {other:?}"),
    }
}

/// Lets what is due run, and gives the only list that runs.
async fn running(store: &Store) -> RunningBatch {
    store.begin_batches().await.unwrap();
    let (mut running, _) = store.running_batches().await.unwrap();
    assert_eq!(running.len(), 1);
    running.remove(0)
}

fn answered(conclusion: &'static str) -> RowOutcome {
    RowOutcome::Answered { conclusion, code: "000".to_owned(), answer_json: "{\"a\":1}".to_owned() }
}

#[tokio::test]
async fn a_list_is_there_with_all_its_rows_and_ends_with_the_last() {
    let rig = Rig::new();
    let store = rig.open().await;
    let mut new = list(&rig, 700);
    new.rows.push(NewRow {
        number: 701,
        question_json: "{}".to_owned(),
        refused: Some(("request.invalid", "[]".to_owned())),
    });
    let view = kept(store.keep_batch(new).await.unwrap());
    assert_eq!((view.state, view.total), (BatchState::Waiting, 701));
    assert_eq!((view.count(RowState::Waiting), view.count(RowState::Failed)), (700, 1));
    assert_eq!(store.rows_waiting().await.unwrap(), 700);

    let batch = running(&store).await;
    for number in 1..=700 {
        let conclusion = if number % 7 == 0 { "het_han" } else { "hop_le" };
        let is_over = store.settle_row(&batch, number, answered(conclusion)).await.unwrap();
        assert_eq!(is_over, number == 700);
        // A row that is over stays as it is.
        assert!(!store.settle_row(&batch, number, RowOutcome::Failed { code: "x" }).await.unwrap());
    }
    let view = store.batch(&batch.id).await.unwrap().unwrap();
    assert_eq!((view.state, view.count(RowState::Done), view.ended_at.is_some()), (BatchState::Done, 700, true));
    assert_eq!(event_kinds(&store).await, ["batch.completed"]);
    let events = store.events_after(0, 9, &[facility("01999")]).await.unwrap();
    let told: serde_json::Value = serde_json::from_str(&events[0].data_json).unwrap();
    assert_eq!(told, serde_json::json!({"id": batch.id, "tong": 701, "hopLe": 600, "loi": 1}));
    assert!(store.events_after(0, 9, &[facility("79999")]).await.unwrap().is_empty());

    let page = |after, only_problems| store.batch_rows(&view, RowFilter { after, limit: 500, only_problems });
    let first = page(0, false).await.unwrap();
    assert_eq!((first.len(), first[0].number, first[499].number), (500, 1, 500));
    assert_eq!(first[0].question_json, "{\"n\":1}");
    assert_eq!(first[0].answer_json.as_deref(), Some("{\"a\":1}"));
    assert_eq!(page(500, false).await.unwrap().len(), 201);
    let problems = page(0, true).await.unwrap();
    assert_eq!(problems.len(), 101);
    assert!(problems.iter().all(|row| row.conclusion.as_deref() == Some("het_han") || row.state == RowState::Failed));
    store.close().await;
}

#[tokio::test]
async fn what_a_killed_process_left_of_a_list_is_counted_right_and_asked_again() {
    let rig = Rig::new();
    let store = rig.open().await;
    kept(store.keep_batch(list(&rig, 10)).await.unwrap());
    let batch = running(&store).await;
    for number in [3, 1] {
        store.settle_row(&batch, number, answered("hop_le")).await.unwrap();
    }
    let later = RowOutcome::Later { at: crate::system::after(rig.now(), Duration::from_secs(60)), tries: 1, code: "x" };
    store.settle_row(&batch, 2, later).await.unwrap();
    let copy = rig.folder.path().join("copy");
    fs::create_dir(&copy).unwrap();
    for file in fs::read_dir(rig.config().folder).unwrap().map(Result::unwrap) {
        fs::copy(file.path(), copy.join(file.file_name())).unwrap();
    }
    store.close().await;

    let store = rig.open_with(Config::new(copy)).await.unwrap();
    let batch = running(&store).await;
    let view = store.batch(&batch.id).await.unwrap().unwrap();
    assert_eq!((view.count(RowState::Done), view.count(RowState::Waiting)), (2, 8));
    let due = |now| store.due_rows(&batch, now, 100);
    let numbers: Vec<u32> = due(rig.now()).await.unwrap().iter().map(|row| row.number).collect();
    assert_eq!(numbers, [4, 5, 6, 7, 8, 9, 10], "one waits for its time");
    rig.pass(61);
    let all = due(rig.now()).await.unwrap();
    assert_eq!(all.iter().map(|row| (row.number, row.tries)).next_back(), Some((2, 1)));
    store.close().await;
}

#[tokio::test]
async fn half_a_list_is_seen_by_nobody_and_taken_away() {
    let rig = Rig::new();
    let store = rig.open().await;
    let mut new = list(&rig, 20_000);
    new.idempotency_key = Some("k".to_owned());
    let mut keeping = Box::pin(store.keep_batch(new));
    assert!(futures_util::poll!(&mut keeping).is_pending());
    // The queue is worked off in order, so the first step is done when this is.
    store.probe().await.unwrap();
    assert!(futures_util::poll!(&mut keeping).is_pending());
    drop(keeping);

    let facilities = [facility("01999")];
    assert!(store.batches(&facilities, None, 10).await.unwrap().0.is_empty());
    store.begin_batches().await.unwrap();
    assert!(store.running_batches().await.unwrap().0.is_empty());
    let again = || NewBatch { idempotency_key: Some("k".to_owned()), ..list(&rig, 1) };
    assert!(matches!(store.keep_batch(again()).await.unwrap(), BatchKept::KeyUnderWay));
    assert_eq!(store.forget_batches(Timestamp::MIN, rig.now()).await.unwrap(), 0, "it may be under way");
    rig.pass(1);
    assert_eq!(store.forget_batches(Timestamp::MIN, rig.now()).await.unwrap(), 1);
    let view = kept(store.keep_batch(again()).await.unwrap());
    assert!(matches!(store.keep_batch(again()).await.unwrap(), BatchKept::Already(same) if same.id == view.id));
    let other = NewBatch { sha256: [2; 32], ..again() };
    assert!(matches!(store.keep_batch(other).await.unwrap(), BatchKept::KeyUsedForOther));
    store.close().await;
}

#[tokio::test]
async fn a_full_disk_keeps_no_half_of_a_list() {
    let rig = Rig::new();
    let store = rig.open_with(Config { page_count_max: Some(200), ..rig.config() }).await.unwrap();
    assert!(matches!(store.keep_batch(list(&rig, 20_000)).await, Err(StoreError::Full)));
    assert!(store.batches(&[facility("01999")], None, 10).await.unwrap().0.is_empty());
    // The room it took is free again.
    kept(store.keep_batch(list(&rig, 100)).await.unwrap());
    store.close().await;
}

#[tokio::test]
async fn orders_hold_through_a_restart_and_end_with_the_list() {
    let rig = Rig::new();
    let store = rig.open().await;
    let id = kept(store.keep_batch(list(&rig, 2)).await.unwrap()).id;
    let batch = running(&store).await;
    store.order_batch(&id, BatchOrder::Pause("theo_yeu_cau")).await.unwrap();
    store.close().await;
    let store = rig.open().await;
    store.begin_batches().await.unwrap();
    assert!(store.running_batches().await.unwrap().0.is_empty());
    let view = store.order_batch(&id, BatchOrder::Resume).await.unwrap();
    assert_eq!((view.state, view.reason), (BatchState::Waiting, None));
    let started = running(&store).await.sequence;
    assert_eq!(started, batch.sequence);
    store.order_batch(&id, BatchOrder::Cancel("theo_yeu_cau")).await.unwrap();
    assert_eq!(store.rows_waiting().await.unwrap(), 0);
    let refused = store.order_batch(&id, BatchOrder::Resume).await;
    assert!(matches!(refused, Err(BatchRefused::Ended(BatchState::Cancelled))));
    // An answer that was on its way is kept, and ends nothing a second time.
    assert!(!store.settle_row(&batch, 1, answered("hop_le")).await.unwrap());
    assert!(!store.settle_row(&batch, 2, answered("hop_le")).await.unwrap());
    assert!(matches!(store.order_batch("bat_none", BatchOrder::Resume).await, Err(BatchRefused::NotFound)));
    assert_eq!(event_kinds(&store).await, ["batch.paused", "batch.resumed", "batch.cancelled"]);
    store.close().await;
}

#[tokio::test]
async fn lists_are_bounded_start_in_time_and_are_forgotten() {
    let rig = Rig::new();
    let store = rig.open().await;
    let start_at = crate::system::after(rig.now(), Duration::from_secs(3_600));
    for _ in 0..3 {
        kept(store.keep_batch(NewBatch { start_at, ..list(&rig, 600) }).await.unwrap());
    }
    assert!(matches!(store.keep_batch(list(&rig, 1)).await.unwrap(), BatchKept::TooManyOpen));
    let other = NewBatch { client: "key_2".to_owned(), start_at, ..list(&rig, 1) };
    let other = kept(store.keep_batch(other).await.unwrap());
    assert_eq!(store.running_batches().await.unwrap().1, Some(start_at));
    store.begin_batches().await.unwrap();
    assert!(store.running_batches().await.unwrap().0.is_empty(), "the start has not come");
    rig.pass(3_600);
    assert_eq!(store.begin_batches().await.unwrap(), 4);
    assert_eq!(store.overdue_batch(start_at).await.unwrap(), None);
    rig.pass(1);
    assert!(store.overdue_batch(rig.now()).await.unwrap().is_some());

    let facilities = [facility("01999")];
    let (page, has_more) = store.batches(&facilities, None, 2).await.unwrap();
    assert_eq!((page.len(), has_more, page[0].id.as_str()), (2, true, other.id.as_str()));
    let (rest, has_more) = store.batches(&facilities, Some(page[1].sequence), 9).await.unwrap();
    assert_eq!((rest.len(), has_more), (2, false));
    assert!(store.batches(&[], None, 9).await.unwrap().0.is_empty());

    store.order_batch(&rest[0].id, BatchOrder::Cancel("x")).await.unwrap();
    assert_eq!(store.forget_batches(rig.now(), Timestamp::MIN).await.unwrap(), 0, "it ended just now");
    rig.pass(1);
    assert_eq!(store.forget_batches(rig.now(), Timestamp::MIN).await.unwrap(), 1);
    assert!(store.batch(&rest[0].id).await.unwrap().is_none());
    assert_eq!(store.rows_waiting().await.unwrap(), 1_201);
    store.close().await;
}
