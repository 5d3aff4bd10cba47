"""Brokers one by one: restart them, change their options, take them away for maintenance.

    list_brokers                                  what is                                    listing.py
    plan_restart, plan_rollout, plan_maintenance  what would be done, as a plan              restart.py rollout.py ...

    for each server, the controller last:
      broker.drain ──▶ node.stop ──▶ [node.properties | node.software] ──▶ node.start ──▶ broker.settle
      leaders away     behind gates     what the restart is for             joined?        in sync, leaders back

Gates (gates.py) say per partition why a server must not go now, and by name which topics can never be made safe.
"""
