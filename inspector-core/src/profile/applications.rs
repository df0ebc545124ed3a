//! Application ids Microsoft has published. Never a reason to refuse an id: companies register their own.

/// `(id, name)`, ids in lower case.
const APPLICATIONS: &[(&str, &str)] = &[
    ("00000001-0000-0000-c000-000000000000", "Azure Access Control"),
    ("00000001-0001-0000-c000-000000000000", "Azure Access Control (examples of the specification)"),
    ("00000001-0002-0000-c000-000000000000", "Azure Access Control (China)"),
    ("00000002-0000-0000-c000-000000000000", "Windows Azure Active Directory"),
    ("00000003-0000-0000-c000-000000000000", "Microsoft Graph"),
    ("00000007-0000-0000-c000-000000000000", "Dataverse"),
    ("00000009-0000-0000-c000-000000000000", "Power BI Service"),
    ("0000000c-0000-0000-c000-000000000000", "Microsoft App Access Panel"),
    ("00000002-0000-0ff1-ce00-000000000000", "Exchange"),
    ("00000003-0000-0ff1-ce00-000000000000", "SharePoint"),
    ("00000004-0000-0ff1-ce00-000000000000", "Skype for Business Online"),
    ("00000005-0000-0ff1-ce00-000000000000", "Viva Engage"),
    ("00000006-0000-0ff1-ce00-000000000000", "Microsoft Office 365 Portal"),
    ("00000007-0000-0ff1-ce00-000000000000", "Microsoft Exchange Online Protection"),
    ("00b41c95-dab0-4487-9791-b9d2c32c80f2", "Office 365 Management"),
    ("00f82732-f451-4a01-918c-0e9896e784f9", "Skype for Business Application Configuration Service"),
    ("04b07795-8ddb-461a-bbee-02f9e1bf7b46", "Microsoft Azure CLI"),
    ("13d54852-ae25-4f0b-823a-b09eea89f431", "Outlook Service for Exchange"),
    ("1e70cd27-4707-4589-8ec5-9bd20c472a46", "Skype Presence Service"),
    ("1fec8e78-bce4-4aaf-ab1b-5451cc387264", "Microsoft Teams (client)"),
    ("26a18ebc-cdf7-4a6a-91cb-beb352805e81", "Skype Teams Calling API"),
    ("27922004-5251-4030-b22d-91ecd9a37ea4", "Outlook Mobile"),
    ("39624784-6cbe-4a60-afbe-9f46d10fdb27", "Microsoft Teams and Skype for Business Administration"),
    ("47629505-c2b6-4a80-adb1-9b3a3d233b7b", "Microsoft Exchange Web Services"),
    ("48ac35b8-9aa8-4d74-927d-1f4a14a0b239", "Skype and Teams Tenant Admin API"),
    ("48af08dc-f6d2-435f-b2a7-069abd99c086", "Connectors"),
    ("497effe9-df71-4043-a8bb-14cf78c4b63b", "Exchange Admin Center"),
    ("5d661950-3475-41cd-a2c3-d671a3162bc1", "Microsoft Outlook"),
    ("5e3ce6c0-2b1f-4285-8d4b-75ee78787346", "Microsoft Teams Web Client"),
    ("66c23536-2118-49d3-bc66-54730b057680", "Skype Core Calling"),
    ("7557eb47-c689-4224-abcf-aef9bd7573df", "Teams Calendar Scheduler"),
    ("797f4846-ba00-4fd7-ba43-dac1f8f63013", "Azure Resource Manager"),
    ("a0c73c16-a7e3-4564-9a95-2bdf47383716", "Exchange Online remote PowerShell"),
    ("cc15fd57-2c6c-4117-a88c-83b1d56b4bbe", "Microsoft Teams Services"),
    ("d3590ed6-52b3-4102-aeff-aad2292ab01c", "Microsoft Office"),
    ("d3776938-3dba-481f-a652-4bedfcab7cd8", "SharePoint trusted issuer (unnamed)"),
    ("db7de2b5-2149-435e-8043-e080dd50afae", "Cloud Voicemail"),
    ("dfe74da8-9279-44ec-8fb2-2aed9e1c73d0", "Skype Spaces Ingestion"),
    ("e1829006-9cf1-4d05-8b48-2e665cb48e6a", "Microsoft Teams Web Client"),
    ("fb78d390-0c51-40cd-8e17-fdbfab77341b", "Exchange REST API based PowerShell"),
];

/// The published name of an application id, letter case aside.
pub fn application_name(id: &str) -> Option<&'static str> {
    APPLICATIONS.iter().find(|(known, _)| known.eq_ignore_ascii_case(id)).map(|(_, name)| *name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::token::principal::is_guid;

    #[test]
    fn the_table_is_in_order() {
        assert_eq!(application_name("00000004-0000-0FF1-CE00-000000000000"), Some("Skype for Business Online"));
        assert_eq!(application_name("00000004"), None);
        for (id, name) in APPLICATIONS {
            assert!(is_guid(id) && id.to_ascii_lowercase() == *id && !name.is_empty(), "{id}");
            assert_eq!(APPLICATIONS.iter().filter(|(other, _)| other == id).count(), 1, "{id}");
        }
    }
}
