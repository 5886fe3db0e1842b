//! The code lists in the binary. Made by `tests/schemas/regenerate` from `schemas/lists.csv`; not for editing.

/// What is known of each list.
pub(super) const INDEX: &str = include_str!("../../../schemas/lists.csv");

/// Name and rows of every list.
#[rustfmt::skip]
pub(super) const LISTS: &[(&str, &str)] = &[
    ("gender-bhyt", include_str!("../../../schemas/code-lists/gender-bhyt.csv")),
    ("gender-gksklx", include_str!("../../../schemas/code-lists/gender-gksklx.csv")),
    ("ket-qua-dtri", include_str!("../../../schemas/code-lists/ket-qua-dtri.csv")),
    ("ma-loai-rv", include_str!("../../../schemas/code-lists/ma-loai-rv.csv")),
    ("ma-loai-kcb", include_str!("../../../schemas/code-lists/ma-loai-kcb.csv")),
    ("ma-doituong-kcb", include_str!("../../../schemas/code-lists/ma-doituong-kcb.csv")),
    ("ma-doituong-kcb-qd824", include_str!("../../../schemas/code-lists/ma-doituong-kcb-qd824.csv")),
    ("ma-tai-nan", include_str!("../../../schemas/code-lists/ma-tai-nan.csv")),
    ("ma-khuvuc", include_str!("../../../schemas/code-lists/ma-khuvuc.csv")),
    ("ma-lydo-ct", include_str!("../../../schemas/code-lists/ma-lydo-ct.csv")),
    ("ma-nhom", include_str!("../../../schemas/code-lists/ma-nhom.csv")),
    ("ma-pttt", include_str!("../../../schemas/code-lists/ma-pttt.csv")),
    ("ma-xang-dau", include_str!("../../../schemas/code-lists/ma-xang-dau.csv")),
    ("nguon-ctra", include_str!("../../../schemas/code-lists/nguon-ctra.csv")),
    ("pham-vi", include_str!("../../../schemas/code-lists/pham-vi.csv")),
    ("pp-vo-cam", include_str!("../../../schemas/code-lists/pp-vo-cam.csv")),
    ("hiv-codes", include_str!("../../../schemas/code-lists/hiv-codes.csv")),
    ("tb-codes", include_str!("../../../schemas/code-lists/tb-codes.csv")),
    ("tb-regimen", include_str!("../../../schemas/code-lists/tb-regimen.csv")),
    ("gdyk-codes", include_str!("../../../schemas/code-lists/gdyk-codes.csv")),
    ("hschungtu-codes", include_str!("../../../schemas/code-lists/hschungtu-codes.csv")),
    ("loai-giayto", include_str!("../../../schemas/code-lists/loai-giayto.csv")),
    ("gksklx-flags", include_str!("../../../schemas/code-lists/gksklx-flags.csv")),
    ("gksklx-ketluan", include_str!("../../../schemas/code-lists/gksklx-ketluan.csv")),
    ("driver-licence-class", include_str!("../../../schemas/code-lists/driver-licence-class.csv")),
    ("ethnic", include_str!("../../../schemas/code-lists/ethnic.csv")),
    ("provinces-34", include_str!("../../../schemas/code-lists/provinces-34.csv")),
    ("provinces-63", include_str!("../../../schemas/code-lists/provinces-63.csv")),
    ("cccd-structure", include_str!("../../../schemas/code-lists/cccd-structure.csv")),
    ("bhyt-card-structure", include_str!("../../../schemas/code-lists/bhyt-card-structure.csv")),
    ("bhyt-object-codes", include_str!("../../../schemas/code-lists/bhyt-object-codes.csv")),
    ("card-lookup-result", include_str!("../../../schemas/code-lists/card-lookup-result.csv")),
    ("gateway-result", include_str!("../../../schemas/code-lists/gateway-result.csv")),
];
