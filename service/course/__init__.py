"""The course of the disease as a picture and a table: markers against time, thresholds, therapies.

`service.course.picture` draws it and alone needs the drawing library: import it where a picture is asked for.
"""

from service.course.chart import chart
from service.course.course import course_of
from service.course.model import Course
from service.course.table import course_json

__all__ = ["Course", "chart", "course_json", "course_of"]
