"""The main pages of the product, by name; where a record is needed, the demo's first."""

PAGES = {
    "leads": "/leads/",
    "persons": "/persons/",
    "persons-grouped": "/persons/?group=lead_status",
    "persons-filtered": "/persons/?lead_status=3&country=DE",
    "persons-none": "/persons/?name=there-is-nobody-of-this-name",
    "companies": "/companies/",
    "person": "/persons/1/",
    "person-new": "/persons/new/",
    "company": "/companies/1/",
    "company-new": "/companies/new/",
    "search": "/search/?q=petersen",
    "bin": "/bin/",
    "imports": "/imports/",
    "settings": "/settings/",
    "not-found": "/persons/999999/",
}
ADMIN_PAGES = {
    "admin": "/admin/",
    "admin-categories": "/admin/leads/category/",
    "admin-category": "/admin/leads/category/1/change/",
    "admin-category-delete": "/admin/leads/category/2/delete/",
    "admin-statuses": "/admin/leads/leadstatus/",
    "admin-status": "/admin/leads/leadstatus/2/change/",
    "admin-industries": "/admin/leads/industry/",
    "admin-users": "/admin/crm/user/",
    "admin-user": "/admin/crm/user/2/change/",
    "admin-roles": "/admin/crm/role/",
}
