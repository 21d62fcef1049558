"""Where the pages live."""

from django.urls import path

from hmi.pages import (
    audit_trail,
    changeover,
    config_conflicts,
    overview,
    redundancy,
    tag_page,
    tags,
    users,
    writes,
)

urlpatterns = [
    path("", overview.overview, name="overview"),
    path("parts/plant/", overview.part, name="overview-part"),
    path("status/redundancy/", redundancy.status, name="redundancy"),
    path("parts/redundancy/", redundancy.part, name="redundancy-part"),
    path("status/redundancy/failover/", redundancy.failover, name="failover"),
    path("status/redundancy/force/", redundancy.force, name="force"),
    path("status/redundancy/maintenance/", redundancy.maintenance, name="maintenance"),
    path("status/redundancy/changeovers/<str:identity>/", changeover.show, name="changeover"),
    path("status/redundancy/changeovers/<str:identity>/json", changeover.download, name="changeover-json"),
    path("status/redundancy/resync/", redundancy.resync, name="resync"),
    path("tags/", tags.browser, name="tags"),
    path("tags/tag/", tag_page.show, name="tag"),
    path("tags/write", writes.write, name="tag-write"),
    path("tags/new/", tags.create, name="tag-new"),
    path("tags/<int:tag_id>/", tags.edit, name="tag-edit"),
    path("tags/<int:tag_id>/remove/", tags.remove, name="tag-remove"),
    path("users/", users.index, name="users"),
    path("users/new/", users.create, name="user-new"),
    path("users/<uuid:user_id>/", users.edit, name="user-edit"),
    path("config/conflicts/", config_conflicts.index, name="conflicts"),
    path("config/conflicts/choose/", config_conflicts.choose, name="conflicts-choose"),
    path("audit/", audit_trail.index, name="audit"),
]
