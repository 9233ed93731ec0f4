from django.urls import path

from apps.search.views import lists, saved, searching, taking

urlpatterns = [
    path("", searching.search, name="search"),
    path("search.json", searching.search_json, name="search-json"),
    path("search/export", taking.export, name="search-export"),
    path("search/print", taking.print_view, name="search-print"),
    path("search/marks", searching.marks, name="search-marks"),
    path("suggest", searching.suggest, name="suggest"),
    path("passages/<int:pk>/like", searching.passage_like, name="passage-like"),
    path("saved/", saved.saved_searches, name="saved-searches"),
    path("saved/new", saved.saved_search_new, name="saved-search-new"),
    path("saved/<int:pk>/", saved.saved_search, name="saved-search"),
    path("saved/<int:pk>/new", saved.saved_search_news, name="saved-search-news"),
    path("saved/<int:pk>/edit", saved.saved_search_edit, name="saved-search-edit"),
    path("saved/<int:pk>/delete", saved.saved_search_delete, name="saved-search-delete"),
    path("saved/<int:pk>/restore", saved.saved_search_restore, name="saved-search-restore"),
    path("lists/", lists.query_lists, name="query-lists"),
    path("lists/new", lists.query_list_new, name="query-list-new"),
    path("lists/<int:pk>/", lists.query_list, name="query-list"),
    path("lists/<int:pk>/export", lists.query_list_export, name="query-list-export"),
    path("lists/<int:pk>/again", lists.query_list_again, name="query-list-again"),
    path("lists/<int:pk>/delete", lists.query_list_delete, name="query-list-delete"),
]
