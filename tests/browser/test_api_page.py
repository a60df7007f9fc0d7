"""The page to try the API: Swagger UI under the strict content security policy (settled 22)."""


def test_the_api_is_tried_in_the_browser(open_page):
    """`open_page` fails the test if anything breaks the policy or logs an error."""
    page = open_page("anna")
    page.goto("/api/v1/docs/")
    page.locator(".opblock-tag", has_text="lead-statuses").click()
    operation = page.locator("#operations-lead-statuses-lead_statuses_list")
    operation.locator(".opblock-summary-control").click()
    operation.get_by_role("button", name="Try it out").click()
    operation.get_by_role("button", name="Execute").click()
    answer = operation.locator(".live-responses-table tbody .response-col_status")
    answer.wait_for()
    assert answer.inner_text().startswith("200")
    assert "Disqualified" in operation.locator(".live-responses-table").inner_text()
    # What changes something carries the page's token: a session alone is not enough.
    page.locator(".opblock-tag", has_text="companies").click()
    creating = page.locator("#operations-companies-companies_create")
    creating.locator(".opblock-summary-control").click()
    creating.get_by_role("button", name="Try it out").click()
    creating.locator("textarea.body-param__text").fill('{"name": "Made on the page", "shoe_size": 45}')
    creating.get_by_role("button", name="Execute").click()
    answer = creating.locator(".live-responses-table tbody .response-col_status")
    answer.wait_for()
    assert answer.inner_text().startswith("400") and "shoe_size" in creating.locator(".live-responses-table").inner_text()
