"""The balance of a day: CallerDesk's call report against the journal, and the journal against the CRM.

    what is found                                             code                          for a person
    --------------------------------------------------------  ----------------------------  ------------
    in the report only: made or received elsewhere            balance_made_elsewhere        no
    ended here by a webhook, not in the report                balance_not_in_report         yes
    placed here, nothing heard of it, not in the report       balance_without_report        once given up
    in the report as ended, here still open                   balance_outcome_behind        no
    in the report, here refused, or nobody knew               balance_rang_after_all        yes
    both ended, with different outcomes                       balance_outcome_differs       yes
    both ended, with different talk times                     balance_talk_time_differs     yes
    a recording in the report, none here                      balance_recording_missing     yes
    activity not made yet; made, and older than the call      balance_activity_missing, …_behind    no
    activity given up                                         balance_activity_given_up     yes
    activity no longer in the CRM (asked only when live)      balance_activity_gone         yes
    the CRM did not answer when it was asked                  balance_crm_not_asked         yes

A row of the report is one call's at most: by CallerDesk's CallSid, else by both numbers, the nearest in time
first. The report carries no campid (CallerDesk API, call list page).
"""

from connector.balance.comparing import Difference
from connector.balance.day import Balance, of_day

__all__ = ["Balance", "Difference", "of_day"]
