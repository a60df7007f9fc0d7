"""The tables of lead management."""

from leads.models.automation import AutomationRule, Proposal, ProposalRecord
from leads.models.category import Category, CategoryGroup
from leads.models.company import Company
from leads.models.lead_status import LeadStatus
from leads.models.lists import DisqualifyReason, Industry, Source
from leads.models.person import Person

__all__ = ["AutomationRule", "Category", "CategoryGroup", "Company", "DisqualifyReason", "Industry", "LeadStatus", "Person", "Proposal",
           "ProposalRecord", "Source"]  # fmt: skip
