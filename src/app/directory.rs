//! The directory of officers, for `lienthong officers`; works on the data folder, also beside a running gateway, which knows
//! of a change within a second.

use crate::app::audit::{as_operator, read_by_operator};
use crate::app::{Opening, StartError, open_store, store_failed};
use crate::audit::{About, Audit, Deed};
use crate::config::Config;
use crate::domain::FacilityCode;
use crate::store::{OfficerRow, OfficersImported};
use crate::system::System;

/// Keeps rows of the directory, all or none; with `replace`, in the place of all there are. `None` if there would be too
/// many.
pub async fn import(
    config: &Config,
    system: &System,
    rows: Vec<OfficerRow>,
    replace: bool,
) -> Result<Option<OfficersImported>, StartError> {
    let (vault, store) = open_store(config, system, Opening::Beside).await?;
    let importing = async {
        let imported = store.import_officers(rows, replace, system.now()).await;
        imported.map_err(|error| store_failed(config, error))
    };
    let deed = (Deed::OfficersImport, |_: &_| About::default());
    let imported = as_operator(config, (&vault, system), deed, importing).await;
    store.close().await;
    imported
}

/// The directory, by staff id and facility.
pub async fn list(config: &Config, system: &System) -> Result<Vec<OfficerRow>, StartError> {
    let (vault, store) = open_store(config, system, Opening::Beside).await?;
    let recorded = read_by_operator(config, &vault, system, Deed::OfficersList).await;
    let officers = store.officers().await;
    store.close().await;
    recorded?;
    let mut officers = officers.map_err(|error| store_failed(config, error))?;
    officers.sort_by(|one, other| (&one.staff_id, one.facility).cmp(&(&other.staff_id, other.facility)));
    Ok(officers)
}

/// Removes a row; `false` if there is none.
pub async fn remove(
    config: &Config,
    system: &System,
    staff_id: &str,
    facility: Option<FacilityCode>,
) -> Result<bool, StartError> {
    let (vault, store) = open_store(config, system, Opening::Beside).await?;
    let removing = async {
        let removed = store.remove_officer(staff_id, facility).await;
        removed.map_err(|error| store_failed(config, error))
    };
    let about = |audit: &Audit| About { facility, subject: Some(audit.officer(staff_id)), ..About::default() };
    let removed = as_operator(config, (&vault, system), (Deed::OfficersRemove, about), removing).await;
    store.close().await;
    removed
}

/// The rows of the configuration: `[[officer]]`, and each facility's own officer, who has no staff id.
pub(super) fn configured(config: &Config) -> Vec<OfficerRow> {
    let own = config.facilities.iter().filter_map(|facility| {
        let officer = facility.officer.clone()?;
        Some(OfficerRow { staff_id: String::new(), officer, facility: Some(facility.code), is_default: true })
    });
    let named = config.officers.iter().map(|member| OfficerRow {
        staff_id: member.staff_id.clone(),
        officer: member.officer.clone(),
        facility: member.facility,
        is_default: false,
    });
    own.chain(named).collect()
}
