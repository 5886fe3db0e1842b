//! The proof itself.

use lienthong::sandbox::Faults;

use crate::allowed::ALLOWED;
use crate::gateway::TestFacade;
use crate::matrix;
use crate::targets::Target;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_matrix_of_clients_and_functions_holds_no_difference_but_the_listed() {
    let cells = loop {
        let portal = Target::portal(Faults::default()).await;
        let facade = TestFacade::start().await;
        if let Some(cells) = matrix::run(&portal, &facade.target).await {
            break cells;
        }
    };
    matrix::assert_it_says_something(&cells);
    println!("{}", matrix::shown(&cells, ALLOWED));
    let complaints = matrix::complaints(&cells, ALLOWED);
    assert!(complaints.is_empty(), "{} complaints:\n{}", complaints.len(), complaints.join("\n"));
}
